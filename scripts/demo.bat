@echo off
rem Gives two example clips (or the videos you name) their finished sound: scripts\demo.bat [my.mp4 ...]
setlocal
set "RUN=python"
where py >nul 2>nul && set "RUN=py -3"
if defined PYTHON set RUN="%PYTHON%"
%RUN% "%~dp0environment.py" demo %*
exit /b %errorlevel%

@echo off
rem Sets itself up and runs every check and every test: scripts\test.bat [pytest arguments]
setlocal
set "RUN=python"
where py >nul 2>nul && set "RUN=py -3"
if defined PYTHON set RUN="%PYTHON%"
%RUN% "%~dp0environment.py" test %*
exit /b %errorlevel%

@echo off
rem Lints, formatting and types: scripts\check.bat. Needs no weights and no ComfyUI; the JavaScript part needs node and npm.
setlocal
set "RUN=python"
where py >nul 2>nul && set "RUN=py -3"
if defined PYTHON set RUN="%PYTHON%"
%RUN% "%~dp0environment.py" check %*
exit /b %errorlevel%

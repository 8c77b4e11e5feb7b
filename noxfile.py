"""Every check and the main job, each in an environment of its own: ``python -m nox -l``."""

import shutil
from pathlib import Path

import nox

nox.options.sessions = ["tests", "lint"]
nox.options.default_venv_backend = "venv"
nox.options.error_on_external_run = True

EVERYTHING = ".[load,otlp,prometheus,services]"
PYPROJECT = nox.project.load_toml("pyproject.toml")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests; arguments after ``--`` go to pytest."""
    session.install("-e", EVERYTHING, *nox.project.dependency_groups(PYPROJECT, "test"))
    session.run("python", "-m", "pytest", *(session.posargs or ("-n2", "--dist=loadscope", "-q")))


@nox.session
def contract(session: nox.Session) -> None:
    """Let the official clients of the services drive the local upstreams."""
    groups = nox.project.dependency_groups(PYPROJECT, "test", "contract")
    session.install("-e", ".[load,services]", *groups)
    session.run(
        "python", "-m", "pytest", "-q", "-m", "contract", "tests/contract", *session.posargs
    )


@nox.session
def lint(session: nox.Session) -> None:
    """Check format, style, types and the direction of imports."""
    groups = nox.project.dependency_groups(PYPROJECT, "lint")
    session.install("-e", EVERYTHING, *groups, "nox")
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")
    session.run("mypy")
    session.run("lint-imports", "--no-cache")


@nox.session
def benchmark(session: nox.Session) -> None:
    """Hold this checkout against its approved and its former code; arguments go to ``check``."""
    session.install("-e", ".[load,services]")
    session.run("perfgate", "check", *session.posargs)


@nox.session
def bars(session: nox.Session) -> None:
    """Hold perfgate's own speed and memory to what is promised; two minutes."""
    session.install("-e", ".", "jsonschema")
    session.run("python", "-m", "benchmarks.bars")


@nox.session
def load(session: nox.Session) -> None:
    """Put the services under load, against the local upstreams; arguments go to the program."""
    session.install("-e", ".[load,services]")
    session.run("python", "-m", "benchmarks.service_load", *session.posargs)


@nox.session
def monitor(session: nox.Session) -> None:
    """Hold the monitor to its bars, next to its peers and for an hour of its clock; 3 minutes."""
    groups = nox.project.dependency_groups(PYPROJECT, "test", "peers")
    session.install("-e", EVERYTHING, *groups)
    session.run("python", "-m", "benchmarks.monitor", *session.posargs)


@nox.session
def locust(session: nox.Session) -> None:
    """Let Locust make loads: true counts, lost workers, cut wires, interrupts; four minutes."""
    # Not beside the other tests: Locust brings a pytest plugin of its own.
    groups = nox.project.dependency_groups(PYPROJECT, "test")
    session.install("-e", ".[load,locust,services]", *groups)
    session.run("python", "-m", "pytest", "-q", "-m", "locust", "tests/locust", *session.posargs)


@nox.session
def performance(session: nox.Session) -> None:
    """Hold the services' loads, rate limits and circuit breakers to their targets; 90 seconds."""
    session.install("-e", EVERYTHING, *nox.project.dependency_groups(PYPROJECT, "test"))
    session.run(
        "python", "-m", "pytest", "-q", "-m", "performance", "tests/performance", *session.posargs
    )


@nox.session
def counts(session: nox.Session) -> None:
    """Count instructions under valgrind, which the system's packages must have; minutes."""
    session.install("-e", EVERYTHING, *nox.project.dependency_groups(PYPROJECT, "test"))
    session.run("python", "-m", "pytest", "-q", "-m", "counts", *session.posargs)


@nox.session
def versions(session: nox.Session) -> None:
    """Measure with every version of pytest-benchmark that is supported; slow, installs each."""
    session.install("-e", EVERYTHING, *nox.project.dependency_groups(PYPROJECT, "test"))
    session.run("python", "-m", "pytest", "-q", "-m", "versions", *session.posargs)


@nox.session
def scenarios(session: nox.Session) -> None:
    """Run the real gate on real repositories: creep, clones, failures, interrupts; minutes."""
    session.install("-e", EVERYTHING, *nox.project.dependency_groups(PYPROJECT, "test"))
    session.run("python", "-m", "pytest", "-q", "-m", "scenarios", *session.posargs)


@nox.session
def workflows(session: nox.Session) -> None:
    """Run the workflows on GitHub's own parser, with the real gate; takes Node and npm."""
    groups = nox.project.dependency_groups(PYPROJECT, "test", "workflows")
    session.install("-e", ".", *groups)
    with session.chdir("tests/workflows"):
        session.run("npm", "ci", "--ignore-scripts", "--no-fund", "--no-audit", external=True)
        session.run("npm", "run", "--silent", "build", external=True)
    command = ("python", "-m", "pytest", "-q", "-n2", "-m", "workflows", "tests/workflows")
    session.run(*command, *session.posargs)


@nox.session
def browser(session: nox.Session) -> None:
    """Use the pages in a real Chromium, and bundle their charts anew; takes Chromium and npm."""
    if not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))):
        session.error("no Chromium is installed")
    session.install("-e", ".", *nox.project.dependency_groups(PYPROJECT, "browser"))
    with session.chdir("perfgate/report/web/source"):
        session.run("npm", "ci", "--ignore-scripts", "--no-fund", "--no-audit", external=True)
        session.run("npm", "run", "--silent", "build", external=True)
    session.run("git", "diff", "--exit-code", "--", "perfgate/report/web", external=True)
    command = ("python", "-m", "pytest", "-q", "-n2", "-m", "browser", "tests/browser")
    session.run(*command, *session.posargs)


@nox.session
def build(session: nox.Session) -> None:
    """Build the wheel, install it alone, and use it on a project that it writes itself."""
    dist = Path(session.create_tmp()) / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    session.install("build")
    session.run("python", "-m", "build", "--wheel", "--outdir", str(dist), silent=True)
    (wheel,) = dist.glob("*.whl")
    session.run("python", "-m", "pip", "uninstall", "--yes", "build", silent=True)
    session.install("--force-reinstall", str(wheel))
    project = dist / "project"
    project.mkdir()
    with session.chdir(project):
        session.run("perfgate", "init")
        session.run("perfgate", "update-baselines", "--reason", "first numbers")
        session.run("perfgate", "check", "--paired", "never", "--threshold", "900%")
        written = ("--markdown", "report.md", "--html", "report.html")
        session.run("perfgate", "report", ".perfgate/report.json", *written)

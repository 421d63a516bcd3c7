"""What provider documents cost: the first look at a service, every later one, and a check of all of them.

    python benches/documents.py PATH_TO_NEPHOS REGISTRY [warm|cold|lint ...]

REGISTRY is a directory with `src`. The peers parse the same YAML, which is what a program does that compiles nothing:
PyYAML on libyaml, and yaml.v3 as in Go programs (each is left out, and says so, where it is not installed). They build
values and know nothing of resources; the work of nephos is more. Needs the packages of e2e/requirements.txt.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from measure import compare, run, table

HERE = pathlib.Path(__file__).resolve().parent
LARGEST = "azure.network.virtual_networks"
PYTHON = """
import sys, yaml
for path in sys.argv[1:]:
    with open(path, 'rb') as file:
        yaml.load(file, Loader=yaml.CBaseLoader)
"""


def peers(folder):
    """Commands that parse documents, by name; paths are to be added."""
    found = {}
    try:
        from yaml import CBaseLoader  # noqa: F401

        found["PyYAML on libyaml"] = [sys.executable, "-c", PYTHON]
    except ImportError:
        print("left out: PyYAML with libyaml is not installed")
    if shutil.which("go"):
        program = os.path.join(folder, "yamlv3")
        built = subprocess.run(["go", "build", "-o", program, "."], cwd=HERE / "yamlv3", capture_output=True, text=True)
        if built.returncode == 0:
            found["Go, yaml.v3"] = [program]
        else:
            print("left out: yaml.v3 cannot be built:", built.stderr.strip().splitlines()[-1])
    else:
        print("left out: Go is not installed")
    return found


def show():
    sql = f"SHOW METHODS IN {LARGEST}"
    return [NEPHOS, "exec", "--registry", f'{{"url":"file://{REGISTRY}"}}', "-o", "csv", sql]


def without_cache(command, env):
    shutil.rmtree(os.path.join(env["NEPHOS_HOME"], "cache"), ignore_errors=True)
    return run(command, env)


def largest():
    return str(next(REGISTRY.glob("src/azure/*/services/network.yaml")))


def warm(folder, env):
    commands = {"true": ["/bin/true"], "SHOW METHODS, warm": show()}
    commands |= {f"{name}: parse": [*command, largest()] for name, command in peers(folder).items()}
    size = os.path.getsize(largest()) / 1e6
    table(f"{LARGEST}: a document of {size:.1f} MB, whole process", compare(commands, env), "SHOW METHODS, warm")


def cold(folder, env):
    commands = {"SHOW METHODS, cold": show()}
    commands |= {f"{name}: parse": [*command, largest()] for name, command in peers(folder).items()}
    results = compare(commands, env, run=without_cache)
    table("the same with an empty cache", results, "SHOW METHODS, cold")


def lint(folder, env):
    paths = [str(path) for path in REGISTRY.glob("src/**/*.yaml")]
    size = sum(os.path.getsize(path) for path in paths) / 1e6
    commands = {"nephos provider lint": [NEPHOS, "provider", "lint", str(REGISTRY)]}
    commands |= {f"{name}: parse": [*command, *paths] for name, command in peers(folder).items()}
    results = compare(commands, env, runs=3)
    table(f"all {len(paths)} documents, {size:.1f} MB", results, "nephos provider lint")


def main():
    wanted = sys.argv[3:] or ["warm", "cold", "lint"]
    jobs = {"warm": warm, "cold": cold, "lint": lint}
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        env = dict(os.environ, NEPHOS_HOME=folder)
        for name in wanted:
            jobs[name](folder, env)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    NEPHOS = os.path.abspath(sys.argv[1])
    REGISTRY = pathlib.Path(sys.argv[2]).resolve()
    main()

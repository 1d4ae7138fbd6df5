"""Checks what the dependency tree may contain: directions between our crates, no async
runtime or TLS in the libraries, and licences from an allow-list (no GPL)."""

import json
import re
import subprocess
import sys

ALLOWED_LICENCES = {
    "MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "ISC", "Zlib",
    "Unicode-3.0", "MPL-2.0", "BSL-1.0", "CC0-1.0", "CDLA-Permissive-2.0", "Unlicense", "0BSD", "MIT-0",
    "OFL-1.1", "Ubuntu-font-1.0", "bzip2-1.0.6",
}
MAY_DEPEND_ON = {
    "polystore": set(),
    "polystore-ice": set(),
    "polystore-pipeline": {"polystore"},
    "polystore-cli": {"polystore", "polystore-pipeline"},
}
NEVER_IN_LIBRARIES = {"tokio", "reqwest", "openssl-sys", "hyper"}
# The wire of `ice` turns bytes into messages; sockets and clocks are its users' matter.
NEVER_IN_WIRE = NEVER_IN_LIBRARIES | {"mio", "socket2", "rustls", "ring", "futures-util", "tungstenite", "chrono", "time"}


def licence_is_allowed(expression: str) -> bool:
    """Evaluates an SPDX expression of OR, AND and parentheses over the allow-list."""
    tokens = re.findall(r"\(|\)|[^\s()/]+(?: WITH [^\s()]+)?|/", expression)

    def alternatives() -> bool:
        value = conjunction()
        while tokens and tokens[0] in ("OR", "/"):
            tokens.pop(0)
            value = conjunction() or value
        return value

    def conjunction() -> bool:
        value = atom()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            value = atom() and value
        return value

    def atom() -> bool:
        token = tokens.pop(0)
        if token == "(":
            value = alternatives()
            tokens.pop(0)
            return value
        return token in ALLOWED_LICENCES

    return alternatives()


def tree(package: str, *flags: str) -> set[str]:
    command = ["cargo", "tree", "--prefix", "none", "--edges", "normal", "-p", package, "--format", "{p}", *flags]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {line.split()[0] for line in output.splitlines() if line.strip()}


def main() -> int:
    problems = []
    metadata = json.loads(
        subprocess.run(["cargo", "metadata", "--format-version", "1", "--locked"], check=True, capture_output=True, text=True).stdout
    )
    for package in metadata["packages"]:
        licence = package.get("license") or ""
        if not licence or not licence_is_allowed(licence):
            problems.append(f"licence of {package['name']} {package['version']} is not allowed: {licence or 'none given'}")
    ours = {package["name"] for package in metadata["packages"] if package["source"] is None}
    for name, allowed in MAY_DEPEND_ON.items():
        wrong = (tree(name) & ours) - allowed - {name}
        if wrong:
            problems.append(f"{name} must not depend on {', '.join(sorted(wrong))}")
    for name, flags in (("polystore", ["--no-default-features"]), ("polystore", []), ("polystore-pipeline", [])):
        wrong = tree(name, *flags) & NEVER_IN_LIBRARIES
        if wrong:
            problems.append(f"{name} {' '.join(flags)} must not contain {', '.join(sorted(wrong))}")
    for flags in (["--no-default-features"], ["--no-default-features", "--features", "omero"]):
        wrong = tree("polystore-ice", *flags) & NEVER_IN_WIRE
        if wrong:
            problems.append(f"polystore-ice {' '.join(flags)} must not contain {', '.join(sorted(wrong))}")
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

"""Which derivations Nix can build here, and which need something that stands for them."""

import json
import re
import sys
from pathlib import Path

# Written by builders of their own, from a file that has the place of a package's source.
WRITTEN = ("builder.pl", "50-coredump.conf", "stage-2-init.sh", "nuke-refs")


def read(file):
    """Returns the derivations that `nix derivation show --recursive` wrote to a file, by their paths, all paths whole."""
    found = json.loads(Path(file).read_text())
    if found.get("version") != 4:
        sys.exit(f"{file} has another form than that of Nix 2.34")
    graph = {}
    for name, derivation in found["derivations"].items():
        derivation["inputs"] = {f"/nix/store/{each}": needed["outputs"] for each, needed in derivation["inputs"]["drvs"].items()}
        # What is fetched has no path before it is there.
        derivation["outputs"] = {each: f"/nix/store/{at['path']}" for each, at in derivation["outputs"].items() if "path" in at}
        graph[f"/nix/store/{name}"] = derivation
    return graph


def settings(derivation):
    """Returns what its builder gets, however it gets it."""
    return derivation["env"] | derivation.get("structuredAttrs", {})


def name_of(derivation):
    """Returns its name without the version."""
    version = settings(derivation).get("version", "")
    return derivation["name"].removesuffix(f"-{version}") if version else re.sub("-[0-9].*$", "", derivation["name"])


def listed(value):
    return value.split() if isinstance(value, str) else value


def is_environment(derivation):
    return derivation["name"].startswith("stdenv-linux")


def puts_together(derivation):
    """Returns whether its builder needs no compiler and no source."""
    given = settings(derivation)
    if derivation["name"] in WRITTEN or "systemdRepartFlags" in given:
        return True
    return not {"src", "srcs", "outputHash"} & set(given) and not ("pname" in given and "buildCommand" not in given)


def stand_ins(graph, roots):
    """Returns the derivations that something has to stand for, with the outputs that are needed: systemd first, which others name."""
    found, seen, left = {}, set(), list(roots)
    while left:
        path = left.pop()
        if path in seen:
            continue
        seen.add(path)
        for each, needed in graph[path]["inputs"].items():
            derivation, outputs = graph[each], set(needed)
            if is_environment(derivation):
                found[each] = outputs
                for tool, wanted in tools(graph, derivation):
                    found.setdefault(tool, set()).add(wanted)
            elif puts_together(derivation):
                left.append(each)
            else:
                found.setdefault(each, set()).update(outputs)
    return sorted(found.items(), key=lambda each: name_of(graph[each[0]]) != "systemd")


def tools(graph, environment):
    """Returns what the standard environment has in its PATH: the bootstrap behind it is not needed."""
    given = settings(environment)
    needed = {*listed(given["initialPath"]), given["shell"].split("/bin/")[0]}
    for each in environment["inputs"]:
        for output, place in graph[each]["outputs"].items():
            if place in needed:
                yield each, output

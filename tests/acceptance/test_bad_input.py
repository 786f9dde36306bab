"""Every kind of bad input that we know, with the whole text that the user reads about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from shlex import split

import pytest
from command_line import call, changes, process
from projects import CATALOG, REGISTRY, make_project, snapshot
from unprivileged import give_away, open_folder, without_rights

CATALOG_FILE = "conf/base/catalog.yml"
PARAMETERS_FILE = "conf/base/parameters.yml"
REGISTRY_FILE = "src/PACKAGE/pipeline_registry.py"
SETTINGS_FILE = "src/PACKAGE/settings.py"
COUNTS = "filepath: data/counts.json"
RAW = "filepath: data/raw.txt"
REPORT = "filepath: data/report.txt"
VERSION = "2024-01-01T00.00.00.000Z"


def catalog(*replaced: tuple[str, str], more: str = "") -> dict[str, str]:
    """Return the catalog with something else in places."""
    text = CATALOG
    for old, new in replaced:
        assert old in text
        text = text.replace(old, new)
    return {CATALOG_FILE: text + more}


def registry(nodes: str, functions: str = "def f(*given):\n    return 'x'\n") -> dict[str, str]:
    """Return a registry whose only pipeline has these nodes."""
    return {
        REGISTRY_FILE: f"from incremental.pipeline import Pipeline, node\n{functions}"
        f"def register_pipelines():\n    return {{'__default__': Pipeline([{nodes}])}}\n"
    }


@dataclass(frozen=True)
class Case:
    """A command line, files that differ from those of a good project (None: not there), and what is said."""

    typed: str
    said: str
    files: dict[str, str | bytes | None] = field(default_factory=dict)


CASES = {
    # --- files of the configuration
    "malformed YAML": Case(
        "run",
        "error: conf/base/catalog.yml:2: did not find expected ',' or ']' (begun in line 1); close the bracket\n",
        {CATALOG_FILE: "raw: [unclosed\nb: {\n"},
    ),
    "YAML indented wrongly": Case(
        "run",
        "error: conf/base/catalog.yml:3: did not find expected key (begun in line 1); indent the lines of one mapping alike\n",
        {CATALOG_FILE: "raw:\n  type: text.TextDataset\n filepath: x\n"},
    ),
    "YAML indented with a tab": Case(
        "run",
        "error: conf/base/catalog.yml:2: found character that cannot start any token; indent with spaces, and quote a text that begins with @, ` or %\n",
        {CATALOG_FILE: "raw:\n\ttype: text.TextDataset\n"},
    ),
    "two malformed files": Case(
        "run",
        (
            "error: 2 faults in the configuration of 'parameters':\n"
            "  conf/base/parameters.yml:1: did not find expected ',' or ']'; close the bracket\n"
            "  conf/base/parameters_more.yml:1: did not find expected node content; correct the syntax\n"
        ),
        {PARAMETERS_FILE: "least: [1\n", "conf/base/parameters_more.yml": "x: {\n"},
    ),
    "a file that is not UTF-8": Case(
        "run",
        "error: conf/base/catalog.yml:3: byte 0xe9 is not UTF-8; save the file as UTF-8\n",
        {CATALOG_FILE: b"raw:\n  type: text.TextDataset\n  filepath: caf\xe9.txt\n"},
    ),
    "a key that is there twice": Case(
        "run",
        "error: conf/base/catalog.yml:11: key 'counts' is already there in line 5; remove one of them\n",
        catalog(more="counts:\n  type: text.TextDataset\n  filepath: x\n"),
    ),
    "a key that is in two files": Case(
        "run",
        "error: conf/base/catalog_more.yml:1: 'counts' is also in conf/base/catalog.yml:5; keep one of the two\n",
        {"conf/base/catalog_more.yml": "counts:\n  type: text.TextDataset\n  filepath: x\n"},
    ),
    "a python tag": Case(
        "run",
        "error: conf/base/parameters.yml:1: tag '!!python/object/apply:os.system' is not supported; configuration is plain data, remove it\n",
        {PARAMETERS_FILE: "least: !!python/object/apply:os.system ['touch pwned']\n"},
    ),
    "an alias bomb": Case(
        "run",
        "error: conf/base/parameters.yml:4: aliases repeat more than is sensible; write the values out\n",
        {
            PARAMETERS_FILE: "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
            + "".join(
                f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n"
                for old, new in zip("abcdefgh", "bcdefghi", strict=True)
            )
        },
    ),
    "a NUL character": Case(
        "run",
        "error: conf/base/parameters.yml:1: character #x0000 is not allowed; remove it\n",
        {PARAMETERS_FILE: b"least: 3\x00\n"},
    ),
    "a depth bomb": Case(
        "run",
        "error: conf/base/parameters.yml:1: nested deeper than 100 levels; flatten it\n",
        {PARAMETERS_FILE: "least: " + "[" * 20_000 + "]" * 20_000},
    ),
    "a list in place of a mapping": Case(
        "run",
        "error: conf/base/parameters.yml:1: the top level is a list; write 'name: value' pairs\n",
        {PARAMETERS_FILE: "- least\n- 3\n"},
    ),
    "an interpolation of what is not there": Case(
        "run",
        "error: conf/base/catalog.yml:4: '${_base}' refers to a key that the files of this environment do not have\n",
        catalog(("data/raw.txt", "${_base}/raw.txt")),
    ),
    "an interpolation of the environment outside credentials": Case(
        "run",
        "error: conf/base/catalog.yml:4: '${oc.env:...}' works in credentials only; hand the value in as a runtime parameter, or add 'oc.env' to custom_resolvers\n",
        catalog(("data/raw.txt", "${oc.env:HOME}/raw.txt")),
    ),
    "an interpolation of a global that is not there": Case(
        "run",
        "error: conf/base/parameters.yml:1: '${globals:x}' is not in globals.yml; add it, or give a default: '${globals:x, value}'\n",
        {PARAMETERS_FILE: "least: ${globals:x}\n"},
    ),
    "an interpolation of a parameter that was not given": Case(
        "run",
        "error: conf/base/parameters.yml:1: '${runtime_params:least}' is not in the runtime parameters (--params); add it, or give a default: '${runtime_params:least, value}'\n",
        {PARAMETERS_FILE: "least: ${runtime_params:least}\n"},
    ),
    "an unknown resolver": Case(
        "run",
        "error: conf/base/parameters.yml:1: no resolver 'nonsense'; add it to custom_resolvers in CONFIG_LOADER_ARGS\n",
        {PARAMETERS_FILE: "least: ${nonsense:x}\n"},
    ),
    "an interpolation that is not closed": Case(
        "run",
        "error: conf/base/parameters.yml:1: interpolation cannot be read; close its brace, or write '\\${' for the characters themselves\n",
        {PARAMETERS_FILE: "least: ${a\n"},
    ),
    "an unknown environment": Case(
        "run --env prd",
        "error: environment 'prd' is not a folder in 'conf', which has 'base', 'local', 'prod'; did you mean 'prod'?\n",
    ),
    "an environment that climbs out of conf": Case(
        "run --env ../../x",
        "error: environment '../../x' is not a name but a path; use one of the folders in 'conf': 'base', 'local', 'prod'\n",
    ),
    "an empty environment": Case(
        "run --env ''", "error: environment '' is not a name; leave it out, or name a folder of conf_source\n"
    ),
    "a configuration folder that is not there": Case(
        "run --conf-source nowhere",
        "error: configuration folder 'nowhere' does not exist; create it, or name another one with CONF_SOURCE in settings.py or --conf-source\n",
    ),
    "a configuration folder of settings.py that is not there": Case(
        "run",
        "error: configuration folder 'cnf' does not exist; create it, or name another one with CONF_SOURCE in settings.py or --conf-source\n",
        {SETTINGS_FILE: "CONF_SOURCE = 'cnf'\n"},
    ),
    "a logging configuration that cannot be": Case(
        "run",
        "error: conf/logging.yml: logging cannot be set up: Unable to configure handler 'x': Cannot resolve 'nowhere.Handler': No module named 'nowhere'; correct it\n",
        {
            "conf/logging.yml": "version: 1\nhandlers:\n  x:\n    class: nowhere.Handler\nroot:\n  handlers: [x]\n"
        },
    ),
    # --- entries of the catalog
    "unknown dataset types": Case(
        "run",
        (
            "error: conf/base/catalog.yml:5: dataset 'counts': type 'json.JSONDatset' is not known; did you mean 'json.JSONDataset'?\n"
            "  conf/base/catalog.yml:8: dataset 'report': type 'text.TxtDataset' is not known; did you mean 'text.TextDataset'?\n"
        ),
        catalog(
            ("json.JSONDataset", "json.JSONDatset"),
            (f"text.TextDataset\n  {REPORT}", f"text.TxtDataset\n  {REPORT}"),
        ),
    ),
    "a type of no installed package": Case(
        "run",
        "error: conf/base/catalog.yml:5: dataset 'counts': type 'nowhere.Nothing' is not known; is its package installed? Types of kedro-datasets need that package\n",
        catalog(("json.JSONDataset", "nowhere.Nothing")),
    ),
    "a type that is no dataset": Case(
        "run",
        "error: conf/base/catalog.yml:5: dataset 'counts': type 'json.JSONEncoder' is no dataset: it has no 'load' and 'save'\n",
        catalog(("json.JSONDataset", "json.JSONEncoder")),
    ),
    "wrong arguments": Case(
        "run",
        (
            "error: conf/base/catalog.yml:5: dataset 'counts' of type 'json.JSONDataset': 'save_arg' is no argument; did you mean 'save_args' or 'fs_args'?\n"
            "  conf/base/catalog.yml:9: dataset 'report' of type 'text.TextDataset': 'filepaht' is no argument; did you mean 'filepath'?\n"
        ),
        catalog((COUNTS, f"{COUNTS}\n  save_arg: {{}}"), (REPORT, "filepaht: data/report.txt")),
    ),
    "no filepath": Case(
        "run",
        "error: conf/base/catalog.yml:5: dataset 'counts' of type 'json.JSONDataset' needs 'filepath'\n",
        catalog((COUNTS, "filepath:")),
    ),
    "a filepath that is a number": Case(
        "run",
        "error: conf/base/catalog.yml:5: dataset 'counts' of type 'json.JSONDataset': 'filepath' is 3, which is no path\n",
        catalog((COUNTS, "filepath: 3")),
    ),
    "a versioned that is no yes or no": Case(
        "run",
        "error: conf/base/catalog.yml:5: dataset 'counts' of type 'json.JSONDataset': 'versioned' is 'yes please'; write true or false\n",
        catalog((COUNTS, f"{COUNTS}\n  versioned: yes please")),
    ),
    "a protocol that nobody speaks": Case(
        "run",
        "error: conf/base/catalog.yml:2: dataset 'raw': cannot tell whether s4://bucket/raw.txt exists: DatasetError: cannot open 's4://bucket/raw.txt': Protocol not known: s4\n",
        catalog(("data/raw.txt", "s4://bucket/raw.txt")),
    ),
    "missing types": Case(
        "run",
        (
            "error: conf/base/catalog.yml:2: catalog entry 'raw' has no 'type'; is it 'tpye'?\n"
            "  conf/base/catalog.yml:5: catalog entry 'counts' has no 'type'; add one, such as pandas.CSVDataset\n"
            "  conf/base/catalog.yml:7: catalog entry 'report' has no 'type'; is it 'tpye'?\n"
        ),
        catalog(("  type: json.JSONDataset\n", ""), ("type: text", "tpye: text")),
    ),
    "entries that are no mappings": Case(
        "run",
        (
            "error: conf/base/catalog.yml:11: catalog entry 'a' is a text, not a mapping with a 'type'; a value for other entries to use begins with '_'\n"
            "  conf/base/catalog.yml:12: catalog entry 'b' is a list, not a mapping with a 'type'; a value for other entries to use begins with '_'\n"
            "  conf/base/catalog.yml:13: catalog entry 'c' is empty, not a mapping with a 'type'; a value for other entries to use begins with '_'\n"
        ),
        catalog(more="a: data/a.csv\nb: [1]\nc:\n"),
    ),
    "credentials that are not configured": Case(
        "run",
        "error: conf/base/catalog.yml:5: dataset 'counts' uses credentials 'dev_s3', which are not configured; add them to credentials.yml\n",
        catalog((COUNTS, f"{COUNTS}\n  credentials: dev_s3")),
    ),
    "credentials of a name that is near": Case(
        "run",
        "error: conf/base/catalog.yml:5: dataset 'counts' uses credentials 'dev_s3', which are not configured; did you mean 'dev_s4'?\n",
        {
            **catalog((COUNTS, f"{COUNTS}\n  credentials: dev_s3")),
            "conf/local/credentials.yml": "dev_s4:\n  key: abcd\n",
        },
    ),
    "a pattern with a placeholder that its name lacks": Case(
        "run",
        "error: conf/base/catalog.yml:11: pattern '{name}_x': its entry uses {nam}, which the pattern does not have; it has {name}\n",
        catalog(more='"{name}_x":\n  type: text.TextDataset\n  filepath: data/{nam}.txt\n'),
    ),
    "two datasets in one place": Case(
        "run",
        "error: datasets 'b' and 'c' share <project>/data/b.txt and no edge orders their nodes: give them different paths, or one name\n",
        {
            **registry("node(f, 'raw', 'b', name='x'), node(f, 'raw', 'c', name='y')"),
            **catalog(
                more="b:\n  type: text.TextDataset\n  filepath: data/b.txt\nc:\n  type: text.TextDataset\n  filepath: data/b.txt\n"
            ),
        },
    ),
    "a source that is a folder": Case(
        "run",
        "error: conf/base/catalog.yml:2: dataset 'raw' of type 'text.TextDataset': <project>/data is a folder; name a file\n",
        catalog(("data/raw.txt", "data")),
    ),
    "a file in place of a folder": Case(
        "run",
        "error: datasets 'counts', 'report' cannot be saved: <project>/data/raw.txt is no folder; correct the path\n",
        catalog(
            ("data/counts.json", "data/raw.txt/counts.json"), ("data/report.txt", "data/raw.txt/report.txt")
        ),
    ),
    # --- parameters, inputs, versions
    "a missing parameter": Case(
        "run",
        "error: parameter 'params:least', read by 'count', is not in the parameters; did you mean 'leest'?\n",
        {PARAMETERS_FILE: "leest: 3\n"},
    ),
    "missing nested parameters": Case(
        "run",
        (
            "error: parameter 'params:model.rate', read by 'x', is not in the parameters; did you mean 'model.rates' or 'model'?\n"
            "  parameter 'params:seed', read by 'y', is not in the parameters; add it to parameters.yml or pass --params\n"
        ),
        {
            **registry("node(f, 'params:model.rate', 'b', name='x'), node(f, 'params:seed', 'c', name='y')"),
            PARAMETERS_FILE: "model:\n  rates: 3\n",
        },
    ),
    "--params without a value": Case(
        "run --params least",
        "error: item 1 ('least') of the parameters has no '='; write them as 'name=value,other.name=value'\n",
    ),
    "--params that contradict each other": Case(
        "run --params a.b=1,a=2",
        "error: runtime parameters 'a.b' and 'a' contradict each other; give one of them\n",
    ),
    "a missing input file": Case(
        "run",
        "error: dataset 'raw', read by 'clean', does not exist at <project>/data/raw.txt; put it there or correct its path\n",
        {"data/raw.txt": None},
    ),
    "inputs that nothing makes": Case(
        "run",
        (
            "error: dataset 'rww', read by 'x', is not in the catalog and no node makes it; did you mean 'raw'?\n"
            "  dataset 'other', read by 'y', is not in the catalog and no node makes it; add it to catalog.yml\n"
        ),
        registry("node(f, ['raw', 'rww'], 'b', name='x'), node(f, 'other', 'c', name='y')"),
    ),
    "a filtered-out producer of a file": Case(
        "run --nodes report",
        "error: dataset 'counts', read by 'report', is made by node 'count', which the selection leaves out: add it with --nodes=count,report\n",
    ),
    "a filtered-out producer of what lives in memory": Case(
        "run --tags count",
        "error: dataset 'cleaned', read by 'count', is made by node 'clean', which the selection leaves out: add one of its tags to --tags: prepare\n",
    ),
    "--load-versions without a version": Case(
        "run --load-versions counts",
        (
            "error: Invalid value for '-lv' / '--load-versions': 'counts' is no dataset with a version; write 'dataset:version'\n"
            "see: incremental run --help\n"
        ),
    ),
    "--load-versions of an unknown dataset": Case(
        f"run --load-versions conts:{VERSION}",
        "error: load versions name datasets that are not in the catalog: 'conts'; did you mean 'counts'?\n",
    ),
    "--load-versions of what keeps no versions": Case(
        f"run --load-versions raw:{VERSION}",
        "error: conf/base/catalog.yml:2: dataset 'raw' of type 'text.TextDataset' keeps no versions, so '<id>' cannot be loaded: drop its load version, or add 'versioned: true'\n",
    ),
    "a pinned version that is absent": Case(
        f"run --load-versions raw:{VERSION}",
        (
            "error: dataset 'raw' is pinned to version '<id>', which does not exist; a run cannot make a past version: drop the pin or name a version that is there\n"
        ),
        catalog((RAW, f"{RAW}\n  versioned: true")),
    ),
    # --- selections
    "unknown nodes": Case(
        "run --nodes clan,cuont",
        (
            "error: the pipeline has\n"
            "  no node 'clan' (--nodes); did you mean 'clean'?\n"
            "  no node 'cuont' (--nodes); did you mean 'count'?\n"
        ),
    ),
    "an unknown tag": Case(
        "run --tags prepar", "error: the pipeline has no tag 'prepar' (--tags); did you mean 'prepare'?\n"
    ),
    "a tag that is near to none": Case(
        "run --tags daily", "error: the pipeline has no tag 'daily' (--tags); it has 'count', 'prepare'\n"
    ),
    "an unknown pipeline": Case(
        "run --pipeline countin",
        (
            "error: pipeline 'countin' is not registered; did you mean 'counting'?\n"
            "  registered pipelines: __default__, counting, preparing\n"
        ),
    ),
    "an unknown namespace": Case(
        "run --namespaces train",
        "error: the pipeline has no namespace 'train' (--namespaces); it has none\n",
    ),
    "unknown datasets": Case(
        "run --from-inputs rw --to-outputs reprot",
        (
            "error: the pipeline has\n"
            "  no dataset 'rw' (--from-inputs); did you mean 'raw'?\n"
            "  no dataset 'reprot' (--to-outputs); did you mean 'report'?\n"
        ),
    ),
    "unknown words of several selectors": Case(
        "run --tags nope --nodes clan --from-nodes cuont --force rport",
        (
            "error: the pipeline has\n"
            "  no tag 'nope' (--tags); it has 'count', 'prepare'\n"
            "  no node 'clan' (--nodes); did you mean 'clean'?\n"
            "  no node 'cuont' (--from-nodes); did you mean 'count'?\n"
            "  no node 'rport' (--force); did you mean 'report'?\n"
        ),
    ),
    "selectors that leave nothing": Case(
        "run --tags prepare --nodes report",
        (
            "error: no node of 3 is left by the selectors together\n"
            "  --tags 'prepare': 1 node\n"
            "  --nodes 'report': 1 node\n"
        ),
    ),
    "an option that names nothing": Case(
        "run --nodes ''",
        (
            "error: Invalid value for '-n' / '--nodes': it names nothing; give a name, or leave the option out\n"
            "see: incremental run --help\n"
        ),
    ),
    # --- pipelines
    "a cycle": Case(
        "run",
        (
            "error: cannot load the pipelines, register_pipelines() in src/<package>/pipeline_registry.py:4 failed: nodes need each other in a circle: x -> b -> y -> c -> z -> a -> x\n"
            "  src/<package>/pipeline_registry.py:5\n"
            "    return {'__default__': Pipeline([node(f, 'a', 'b', name='x'), node(f, 'b', 'c', name='y'), node(f, 'c', 'a', name='z')])}\n"
        ),
        registry("node(f, 'a', 'b', name='x'), node(f, 'b', 'c', name='y'), node(f, 'c', 'a', name='z')"),
    ),
    "two producers": Case(
        "run",
        (
            "error: cannot load the pipelines, register_pipelines() in src/<package>/pipeline_registry.py:4 failed: a dataset can be made by one node only: 'b' is made by 'x' and 'y'\n"
            "  src/<package>/pipeline_registry.py:5\n"
            "    return {'__default__': Pipeline([node(f, 'a', 'b', name='x'), node(f, 'c', 'b', name='y')])}\n"
        ),
        registry("node(f, 'a', 'b', name='x'), node(f, 'c', 'b', name='y')"),
    ),
    "two nodes of one name": Case(
        "run",
        (
            "error: cannot load the pipelines, register_pipelines() in src/<package>/pipeline_registry.py:4 failed: node names must be unique, give these nodes names of their own: 'x' is 'f(a) -> b' and 'f(c) -> d'\n"
            "  src/<package>/pipeline_registry.py:5\n"
            "    return {'__default__': Pipeline([node(f, 'a', 'b', name='x'), node(f, 'c', 'd', name='x')])}\n"
        ),
        registry("node(f, 'a', 'b', name='x'), node(f, 'c', 'd', name='x')"),
    ),
    "an output named twice": Case(
        "run",
        (
            "error: cannot load the pipelines, register_pipelines() in src/<package>/pipeline_registry.py:4 failed: node 'x: f([raw]) -> [b;b]' names the outputs ['b'] more than once\n"
            "  src/<package>/pipeline_registry.py:5\n"
            "    return {'__default__': Pipeline([node(f, 'raw', ['b', 'b'], name='x')])}\n"
        ),
        registry("node(f, 'raw', ['b', 'b'], name='x')"),
    ),
    "an output that is an input": Case(
        "run",
        (
            "error: cannot load the pipelines, register_pipelines() in src/<package>/pipeline_registry.py:4 failed: node 'x: f([a]) -> [a]' reads and writes 'a'; give its output a name of its own\n"
            "  src/<package>/pipeline_registry.py:5\n"
            "    return {'__default__': Pipeline([node(f, 'a', 'a', name='x')])}\n"
        ),
        registry("node(f, 'a', 'a', name='x')"),
    ),
    "inputs that the function does not take": Case(
        "run",
        (
            "error: cannot load the pipelines, register_pipelines() in src/<package>/pipeline_registry.py:4 failed: function 'g' takes the arguments ['x', 'y'], but the inputs are 'raw'\n"
            "  src/<package>/pipeline_registry.py:5\n"
            "    return {'__default__': Pipeline([node(g, 'raw', 'report', name='g')])}\n"
        ),
        registry("node(g, 'raw', 'report', name='g')", "def g(x, y):\n    return x\n"),
    ),
    "a node of a text": Case(
        "run",
        (
            "error: cannot load the pipelines, register_pipelines() in src/<package>/pipeline_registry.py:4 failed: a node's first argument must be a function, not 'str'\n"
            "  src/<package>/pipeline_registry.py:5\n"
            "    return {'__default__': Pipeline([node('f', 'raw', 'b', name='x')])}\n"
        ),
        registry("node('f', 'raw', 'b', name='x')"),
    ),
    "a pipeline of functions": Case(
        "run",
        (
            "error: cannot load the pipelines, register_pipelines() in src/<package>/pipeline_registry.py:4 failed: a pipeline is made of nodes and pipelines, not of 'function'\n"
            "  src/<package>/pipeline_registry.py:5\n"
            "    return {'__default__': Pipeline([f])}\n"
        ),
        registry("f"),
    ),
    "a generator node with --async": Case(
        "run --async",
        "error: generator nodes cannot save asynchronously: 'g'; run without is_async (--async)\n",
        registry("node(g, 'raw', 'report', name='g')", "def g(x):\n    yield x\n"),
    ),
    # --- the project and its code
    "no project": Case(
        "run",
        "error: no project in '<project>' or above it: there is no pyproject.toml with [tool.incremental]; run 'incremental init NAME' to make one, or name a file: 'incremental run pipeline.py'\n",
        {"pyproject.toml": None},
    ),
    "a pyproject.toml of something else": Case(
        "run",
        "error: no project in '<project>' or above it: 'pyproject.toml' has no [tool.incremental]; add [tool.incremental] with package_name = \"...\"\n",
        {"pyproject.toml": "[project]\nname = 'x'\n"},
    ),
    "a Kedro project without its package": Case(
        "run",
        "error: pyproject.toml:1: [tool.kedro] has no 'package_name'; name the package in 'src'\n",
        {"pyproject.toml": "[tool.kedro]\nproject_name = 'x'\n"},
    ),
    "a pyproject.toml that is no TOML": Case(
        "run",
        "error: pyproject.toml:2: not TOML: invalid value; texts stand in quotes\n",
        {"pyproject.toml": "[tool.incremental]\npackage_name = words\n"},
    ),
    "unknown settings in pyproject.toml": Case(
        "run",
        (
            "error: pyproject.toml:3: 'package_nme' is not a setting of [tool.incremental]; did you mean 'package_name'?\n"
            "  pyproject.toml:4: durability is 'strong'; it can be 'power' or 'process'\n"
        ),
        {
            "pyproject.toml": "[tool.incremental]\npackage_name = 'words'\npackage_nme = 'x'\ndurability = 'strong'\n"
        },
    ),
    "a package that is not there": Case(
        "run",
        "error: package 'wrds' is not in 'src'; did you mean 'words' or '<package>'? correct package_name in 'pyproject.toml'\n",
        {"pyproject.toml": "[tool.incremental]\npackage_name = 'wrds'\n", "src/words/__init__.py": ""},
    ),
    "settings of wrong types": Case(
        "run",
        (
            "error: src/<package>/settings.py:1: HOOKS is of type 'int', not a tuple; write HOOKS = (int(),)\n"
            "  src/<package>/settings.py:2: CONF_SOURCE is of type 'int'; give the name of the configuration folder\n"
            "  src/<package>/settings.py:3: SESSION_STORE_CLASS is of type 'str'; give a class, without calling it\n"
            "  src/<package>/settings.py:4: CONTEXT_CLASS 'dict' is not a Context; derive it from incremental.session.Context\n"
            "  src/<package>/settings.py:5: SESSION_STORE_ARGS is of type 'list'; give a dict with names of arguments\n"
        ),
        {
            SETTINGS_FILE: "HOOKS = 3\nCONF_SOURCE = 5\nSESSION_STORE_CLASS = 'x'\nCONTEXT_CLASS = dict\nSESSION_STORE_ARGS = [1]\n"
        },
    ),
    "settings that fail": Case(
        "run",
        (
            "error: cannot load module '<package>.settings': ZeroDivisionError: division by zero\n"
            "  src/<package>/settings.py:1\n"
            "    x = 1 / 0\n"
        ),
        {SETTINGS_FILE: "x = 1 / 0\n"},
    ),
    "a hook class in place of an object": Case(
        "run",
        "error: src/<package>/settings.py:5: HOOKS takes objects, 'Timer' is a class; write Timer()\n",
        {
            SETTINGS_FILE: "from incremental.hooks import hook_impl\nclass Timer:\n    @hook_impl\n    def before_node_run(self, node): ...\nHOOKS = (Timer,)\n"
        },
    ),
    "a hook that does not exist": Case(
        "run",
        "error: 'Timer' implements 'before_nod_run', which is no hook; did you mean 'before_node_run' or 'before_pipeline_run' or 'after_node_run'?\n",
        {
            SETTINGS_FILE: "from incremental.hooks import hook_impl\nclass Timer:\n    @hook_impl\n    def before_nod_run(self): ...\nHOOKS = (Timer(),)\n"
        },
    ),
    "an import error": Case(
        "run",
        (
            "error: cannot load module '<package>.pipeline_registry': ModuleNotFoundError: No module named 'numpyy'\n"
            "  src/<package>/pipeline_registry.py:1\n"
            "    import numpyy\n"
        ),
        {REGISTRY_FILE: f"import numpyy\n{REGISTRY}"},
    ),
    "an error while a module of a module is imported": Case(
        "run",
        (
            "error: cannot load module '<package>.pipeline_registry': JSONDecodeError: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)\n"
            "  src/<package>/pipeline_registry.py:1\n"
            "    from .nodes import table\n"
            "  src/<package>/nodes.py:1\n"
            "    from .tables import table\n"
            "  src/<package>/tables.py:2\n"
            "    table = json.loads('{')\n"
        ),
        {
            "src/PACKAGE/nodes.py": "from .tables import table\n",
            "src/PACKAGE/tables.py": "import json\ntable = json.loads('{')\n",
            REGISTRY_FILE: f"from .nodes import table\n{REGISTRY}",
        },
    ),
    "a syntax error": Case(
        "run",
        (
            "error: cannot load module '<package>.pipeline_registry': SyntaxError: invalid syntax\n"
            "  src/<package>/pipeline_registry.py:27\n"
            "    def f(:\n"
        ),
        {REGISTRY_FILE: f"{REGISTRY}\ndef f(:\n    pass\n"},
    ),
    "no registry": Case(
        "run",
        "error: 'src/<package>/pipeline_registry.py' does not exist; create it with a function register_pipelines() that returns pipelines by name\n",
        {REGISTRY_FILE: None},
    ),
    "a registry without its function": Case(
        "run",
        "error: 'src/<package>/pipeline_registry.py' has no function register_pipelines(); write one that returns pipelines by name\n",
        {REGISTRY_FILE: "def register_pipeline():\n    return {}\n"},
    ),
    "a registry that fails": Case(
        "run",
        (
            "error: cannot load the pipelines, register_pipelines() in src/<package>/pipeline_registry.py:1 failed: KeyError: 'x'\n"
            "  src/<package>/pipeline_registry.py:2\n"
            "    return {}['x']\n"
        ),
        {REGISTRY_FILE: "def register_pipelines():\n    return {}['x']\n"},
    ),
    "a registry that returns nothing": Case(
        "run",
        "error: src/<package>/pipeline_registry.py:1: register_pipelines() returns None; return a dict of names and pipelines\n",
        {REGISTRY_FILE: "def register_pipelines():\n    pass\n"},
    ),
    "a registry of nonsense": Case(
        "run",
        "error: src/<package>/pipeline_registry.py:1: of the registered pipelines 'a' is an int, 2 is None; make each a Pipeline([...])\n",
        {REGISTRY_FILE: "def register_pipelines():\n    return {'a': 1, 2: None}\n"},
    ),
    "an empty registry": Case(
        "run",
        "error: no pipeline is registered; return one from register_pipelines(), such as {'__default__': Pipeline([...])}\n",
        {REGISTRY_FILE: "def register_pipelines():\n    return {}\n"},
    ),
    "a pipeline without nodes": Case(
        "run",
        "error: pipeline '__default__' has no nodes; give it some: Pipeline([node(...), ...])\n",
        {
            REGISTRY_FILE: "from incremental import Pipeline\n\n\ndef register_pipelines():\n    return {'__default__': Pipeline([])}\n"
        },
    ),
    "a one-file project without a pipeline": Case(
        "run steps.py",
        "error: 'steps.py' has neither a 'pipeline' nor a function register_pipelines(); write: pipeline = Pipeline([node(...), ...])\n",
        {"steps.py": "x = 1\n"},
    ),
    "a one-file project that is not there": Case(
        "run step.py",
        "error: project file 'step.py' does not exist; did you mean 'steps.py'?\n",
        {"steps.py": "x = 1\n"},
    ),
    "an entry of a one-file project's catalog": Case(
        "run steps.py",
        "error: catalog.yml:1: dataset 'raw': type 'text.TextDatset' is not known; did you mean 'text.TextDataset'?\n",
        {
            "steps.py": "from incremental import Pipeline, node\npipeline = Pipeline([node(str.strip, 'raw', 'out')])\n",
            "catalog.yml": "raw:\n  type: text.TextDatset\n  filepath: data/raw.txt\n",
        },
    ),
    # --- the command line
    "an unknown command": Case(
        "rnu", ("error: no command 'rnu'; did you mean 'run'?\nsee: incremental --help\n")
    ),
    "an unknown option": Case(
        "run --only-missing",
        (
            "error: No such option '--only-missing'. Did you mean '--only-missing-outputs'?\n"
            "see: incremental run --help\n"
        ),
    ),
    "a node in place of a file": Case(
        "run clean",
        (
            "error: 'clean' is no Python file, as a project of one file is; pick nodes with --nodes=clean\n"
            "see: incremental run --help\n"
        ),
    ),
    "a folder in place of a file": Case(
        "run data",
        "error: 'data' is no Python file, as a project of one file is; name a project with --project=data\n"
        "see: incremental run --help\n",
    ),
    "an option without its value": Case(
        "run --force", "error: Option '--force' requires an argument.\nsee: incremental run --help\n"
    ),
    "an unknown runner": Case(
        "run --runner sequental",
        (
            "error: no runner 'sequental'; did you mean 'sequential' or 'SequentialRunner'?\n"
            "see: incremental run --help\n"
        ),
    ),
    "a runner of no installed package": Case(
        "run --runner nowhere.Runner",
        (
            "error: runner 'nowhere.Runner' cannot be imported: No module named 'nowhere'\n"
            "see: incremental run --help\n"
        ),
    ),
    "a runner that is none": Case(
        "run --runner json.JSONEncoder",
        (
            "error: 'json.JSONEncoder' is no runner class; extend AbstractRunner\n"
            "see: incremental run --help\n"
        ),
    ),
    "a plan file that is none": Case(
        "run --plan plan.json",
        "error: the file given as a plan is none; make one with: incremental plan -o plan.json\n",
        {"plan.json": "hello"},
    ),
    "a plan file that is not there": Case(
        "run --plan plan.json",
        (
            "error: Invalid value for '--plan': File 'plan.json' does not exist.\n"
            "see: incremental run --help\n"
        ),
    ),
    "a plan file and a dry run": Case(
        "plan -o plan.json --dry-run",
        (
            "error: --dry-run writes nothing, so there can be no --output: drop one of the two\n"
            "see: incremental plan --help\n"
        ),
    ),
    "--replan without a plan": Case(
        "run --replan",
        ("error: --replan needs a plan: name its file with --plan\nsee: incremental run --help\n"),
    ),
    "options from a file that there are not": Case(
        "run --config run.yml",
        (
            "error: 3 faults in the configuration of 'run':\n"
            "  run.yml:2: 'tag' is no option of run; did you mean 'tags'?\n"
            "  run.yml:3: 'asnyc' is no option of run; did you mean 'async'?\n"
            "  run.yml:4: 'only_missing_outputs' is on or off; write true or false\n"
        ),
        {"run.yml": "run:\n  tag: x\n  asnyc: 3\n  only_missing_outputs: maybe\n"},
    ),
    "a project folder that is not there": Case(
        "run --project nowhere", "error: project path 'nowhere' does not exist\n"
    ),
    "init into a folder that is not empty": Case(
        "init data",
        (
            "error: 'data' exists already and is not an empty folder: choose another name\n"
            "see: incremental init --help\n"
        ),
    ),
    "init under a name that is taken": Case(
        "init json",
        (
            "error: 'json' is the name of an installed package: choose another, such as json-project\n"
            "see: incremental init --help\n"
        ),
    ),
    "init under a name that is no name": Case(
        "init class",
        (
            "error: 'class' cannot name a package: use letters, digits, '-' and '_', and begin with a letter\n"
            "see: incremental init --help\n"
        ),
    ),
    "why of an unknown name": Case(
        "why reprot", "error: the pipeline has no node and no dataset 'reprot'; did you mean 'report'?\n"
    ),
    "why of nothing": Case("why", ("error: Missing argument 'NODE|DATASET'.\nsee: incremental why --help\n")),
    "a run that is not there": Case(
        "runs show 2024", "error: this project has no runs yet; start one with: incremental run\n"
    ),
    "catalog describe of an unknown name": Case(
        "catalog describe cuonts", "error: dataset 'cuonts' is not in the catalog; did you mean 'counts'?\n"
    ),
    "pipelines of an unknown name": Case(
        "pipelines countng", "error: pipeline 'countng' is not registered; did you mean 'counting'?\n"
    ),
    "plan of an unknown node": Case(
        "plan --nodes clan", "error: the pipeline has no node 'clan' (--nodes); did you mean 'clean'?\n"
    ),
}

AS_PROCESSES = (
    "an unknown command",
    "a missing input file",
    "an import error",
    "plan of an unknown node",
    "why of an unknown name",
    "a run that is not there",
    "catalog describe of an unknown name",
    "pipelines of an unknown name",
    "init under a name that is taken",
)


def project_of(case: Case, root: Path) -> Path:
    make_project(root)
    package = next((root / "src").glob("words_*")).name
    for name, content in case.files.items():
        path = root / name.replace("PACKAGE", package)
        if content is None:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_bad_input_is_refused_in_a_few_clear_lines_and_nothing_is_written(
    tmp_path: Path, case: Case, without_kedro_datasets: None
) -> None:
    root = project_of(case, tmp_path)
    before = snapshot(root)
    answer = call(root, *split(case.typed))
    assert answer.shown(root) == case.said
    assert (answer.code, answer.out) == (2, "")
    assert len(answer.err.splitlines()) <= 10
    assert changes(before, root) == []


@pytest.mark.parametrize("name", AS_PROCESSES)
def test_a_process_says_the_same_and_writes_nothing(tmp_path: Path, name: str) -> None:
    root = project_of(CASES[name], tmp_path)
    before = snapshot(root)
    answer = process(root, *split(CASES[name].typed))
    assert (answer.code, answer.out, answer.shown(root)) == (2, "", CASES[name].said)
    assert changes(before, root) == []


CLOSED = {
    "a folder of data that cannot be looked into": (
        "data",
        0o000,
        "error: cannot look for 'counts', 'raw', 'report' in <project>/data: permission denied; check its permissions\n",
    ),
    "a folder of data that is read-only": (
        "data",
        0o555,
        "error: datasets 'counts', 'report' cannot be saved: <project>/data is read-only for you; change its permissions, or the path\n",
    ),
    "a source that cannot be read": (
        "data/raw.txt",
        0o000,
        "error: dataset 'raw' cannot be read: <project>/data/raw.txt is closed to you; change its permissions\n",
    ),
    "an output that is read-only": (
        "data/counts.json",
        0o444,
        "error: dataset 'counts' cannot be saved: <project>/data/counts.json is read-only for you; change its permissions, or the path\n",
    ),
    "a configuration file that cannot be read": (
        CATALOG_FILE,
        0o000,
        "error: conf/base/catalog.yml:1: cannot be read: permission denied; check its permissions\n",
    ),
    "a configuration folder that cannot be read": (
        "conf/base",
        0o000,
        "error: cannot read 'conf/base': permission denied; check its permissions\n",
    ),
    "a source folder that cannot be entered": (
        "src",
        0o000,
        "error: pyproject.toml:1: source_dir 'src' cannot be read; check its permissions\n",
    ),
    "a pyproject.toml that cannot be read": (
        "pyproject.toml",
        0o000,
        "error: cannot read 'pyproject.toml': permission denied; check its permissions\n",
    ),
    "a project that is read-only": (
        ".",
        0o555,
        "error: cannot write the ledger '<project>/.incremental/ledger.sqlite': [Errno 13] Permission denied: '<project>/.incremental'; check the rights on its folder\n",
    ),
}


@pytest.mark.parametrize(("path", "mode", "said"), CLOSED.values(), ids=CLOSED)
def test_what_permissions_forbid_is_told_before_anything_runs(path: str, mode: int, said: str) -> None:
    with open_folder() as root:
        make_project(root)
        call(root, "run")  # imports all that a user without rights could not import
        for leftover in ("data/counts.json", "data/report.txt"):
            (root / leftover).unlink()
        if path == "data/counts.json":
            (root / path).write_text("{}")
        give_away(root)
        before = snapshot(root)
        if path == ".":
            make_pristine(root)
            before = snapshot(root)
        (root / path).chmod(mode)
        answer = without_rights(lambda: call(root, "run"))
        give_away(root)
        assert answer.shown(root) == said
        assert (answer.code, answer.out) == (2, "")
        assert changes(before, root) == []


def test_an_output_that_cannot_be_read_does_not_keep_the_others_from_being_verified() -> None:
    with open_folder() as root:
        make_project(root)
        call(root, "run")
        call(root, "verify")
        give_away(root)
        (root / "data/counts.json").chmod(0)
        answer = without_rights(lambda: call(root, "verify"))
    told, summary = answer.out.splitlines()
    assert told.startswith("unreadable  counts  data/counts.json  was committed by run ")
    assert told.endswith(" and cannot be read: Permission denied")
    assert summary == "verified 2 outputs: 1 whole, 0 damaged, 1 unreadable"
    assert answer.code == 1


def make_pristine(root: Path) -> None:
    """Take away what a first run leaves, so that the next one has to make it."""
    for path in sorted((root / ".incremental").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (root / ".incremental").rmdir()


def test_permissions_are_in_the_plan_too() -> None:
    with open_folder() as root:
        make_project(root)
        call(root, "plan")
        give_away(root)
        (root / "data").chmod(0o555)
        answer = without_rights(lambda: call(root, "plan", "--dry-run"))
        assert answer.code == 2
        assert answer.out.endswith("3 of 3 nodes to run · 0 skipped · cannot run: 1 problem\n")
        assert answer.shown(root) == CLOSED["a folder of data that is read-only"][2]


def test_a_run_that_is_not_among_those_there_were(tmp_path: Path) -> None:
    root = make_project(tmp_path)
    assert call(root, "run").code == 0
    before = snapshot(root)
    answer = call(root, "runs", "show", "1999")
    assert (answer.code, answer.out) == (2, "")
    assert answer.shown(root) == "error: no run '1999'; see: incremental runs\n"
    assert changes(before, root) == []


def test_a_pin_of_a_version_that_is_not_there_is_told_once(tmp_path: Path) -> None:
    root = make_project(tmp_path, catalog=CATALOG.replace(COUNTS, f"{COUNTS}\n  versioned: true"))
    assert call(root, "run").code == 0
    before = snapshot(root)
    answer = call(root, "run", "--nodes", "report", "--load-versions", f"counts:{VERSION}")
    assert (answer.code, answer.out) == (2, "")
    assert (
        answer.shown(root)
        == "error: dataset 'counts' is pinned to version '<id>', which does not exist; a run cannot make a past version: drop the pin or name a version that is there\n"
    )
    assert changes(before, root) == []


def test_a_refused_run_of_a_project_with_hooks_tells_them_and_nothing_else_runs(tmp_path: Path) -> None:
    settings = """
    from pathlib import Path
    from incremental.hooks import hook_impl

    class Diary:
        @hook_impl
        def before_pipeline_run(self): self.note("begun")
        @hook_impl
        def on_pipeline_error(self, error): self.note(type(error).__name__)
        @hook_impl
        def before_node_run(self, node): self.note(node.name)
        def note(self, line): Path(__file__).with_name("diary.txt").open("a").write(line + " ")

    HOOKS = (Diary(),)
    """
    root = make_project(tmp_path, settings=settings)
    (root / "data/raw.txt").unlink()
    assert call(root, "run", "--nodes", "clan").code == 2
    assert list(root.rglob("diary.txt")) == []
    assert not (root / ".incremental").exists()
    assert call(root, "run").code == 2
    (diary,) = root.rglob("diary.txt")
    assert diary.read_text() == "begun UnmetInputsError "

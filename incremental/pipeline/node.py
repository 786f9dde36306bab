"""A node: a function with named inputs and outputs. It knows no pipeline, no catalog and no storage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from incremental.errors import NodeError
from incremental.pipeline.naming import dataset_names, default_name, label, word
from incremental.pipeline.results import name_results, who
from incremental.pipeline.signature import (
    accepts,
    arguments,
    is_generator_function,
    keyword_order,
    readable_name,
)
from incremental.pipeline.transcoding import base_names, distinct, words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Names: TypeAlias = "str | list[str] | dict[str, str] | None"
_Form: TypeAlias = "str | tuple[str, ...] | dict[str, str] | None"

_NO_TAGS: frozenset[str] = frozenset()


class Node:
    """A function, the datasets it reads and the datasets it makes.

    Two nodes are equal when name, inputs and outputs are. A node never changes, but for ``func``, which
    hooks may replace with a decorated one; its name stays what it was.
    """

    __slots__ = (
        "__weakref__",
        "_confirms",
        "_func",
        "_given_name",
        "_inputs",
        "_name",
        "_namespace",
        "_outputs",
        "_read_bases",
        "_reads",
        "_tags",
        "_values_in",
        "_write_bases",
        "_writes",
    )

    def __init__(
        self,
        func: Callable[..., Any],
        inputs: Names,
        outputs: Names,
        *,
        name: str | None = None,
        tags: str | Iterable[str] | None = None,
        confirms: str | list[str] | None = None,
        namespace: str | None = None,
    ) -> None:
        """Make a node; see ``node`` for the arguments.

        Raises ``NodeError`` when the function cannot be called with these inputs, when names are not
        what they may be, and when an output is named twice or is an input too.
        """
        if not callable(func):
            raise NodeError(f"a node's first argument must be a function, not {type(func).__name__!r}")
        self._func = func
        self._given_name = word(name, "name") if name else None
        self._namespace = namespace or None
        self._tags = frozenset([word(tag, "tag") for tag in words(tags)]) if tags else _NO_TAGS
        taken = dataset_names(inputs, "inputs", func)
        self._inputs, self._values_in = _bind(func, inputs, taken)
        self._reads = distinct(self._values_in)
        self._read_bases = base_names(self._reads)
        if self._read_bases is not self._reads:
            self._read_bases = distinct(self._read_bases)
        self._writes = dataset_names(outputs, "outputs", func)
        self._write_bases = base_names(self._writes)
        self._outputs = _form(outputs, self._writes)
        self._confirms = dataset_names(confirms, "confirms", func) if confirms else ()
        _check_roles(self)
        own_name = self._given_name or default_name(func, self._values_in, self._writes)
        self._name = f"{namespace}.{own_name}" if namespace else own_name

    @property
    def func(self) -> Callable[..., Any]:
        """The function that does the work."""
        return self._func

    @func.setter
    def func(self, func: Callable[..., Any]) -> None:
        self._func = func

    @property
    def name(self) -> str:
        """Namespace and name; the name is made of the function's and a digest when none was given."""
        return self._name

    @property
    def short_name(self) -> str:
        """A name to show, without namespace; it need not be unique."""
        return self._given_name or self.func_name.replace("_", " ").title()

    @property
    def func_name(self) -> str:
        """The function's name, as messages show it."""
        return readable_name(self._func)

    @property
    def namespace(self) -> str | None:
        """The namespace, from the outer to the inner one, joined by dots."""
        return self._namespace

    @property
    def namespace_prefixes(self) -> list[str]:
        """Every namespace around the node: ``a.b.c`` gives ``a``, ``a.b`` and ``a.b.c``."""
        if not self._namespace:
            return []
        parts = self._namespace.split(".")
        return [".".join(parts[:depth]) for depth in range(1, len(parts) + 1)]

    @property
    def inputs(self) -> list[str]:
        """Names of the inputs in the order of the function's arguments."""
        return list(self._values_in)

    @property
    def keywords(self) -> dict[str, str] | None:
        """Names of the inputs by argument, where they were given as a dictionary; else None."""
        return dict(self._inputs) if isinstance(self._inputs, dict) else None

    @property
    def outputs(self) -> list[str]:
        """Names of the outputs in the order they were given."""
        return list(self._writes)

    @property
    def confirms(self) -> list[str]:
        """Names of the datasets that are told when the node has succeeded."""
        return list(self._confirms)

    @property
    def tags(self) -> set[str]:
        """The tags, in a set of your own."""
        return set(self._tags)

    @property
    def reads(self) -> tuple[str, ...]:
        """Distinct inputs in order of first use, as written."""
        return self._reads

    @property
    def writes(self) -> tuple[str, ...]:
        """Outputs in order, as written."""
        return self._writes

    @property
    def read_bases(self) -> tuple[str, ...]:
        """Distinct base names of the inputs; the same object as ``reads`` where no name has a format."""
        return self._read_bases

    @property
    def write_bases(self) -> tuple[str, ...]:
        """Base names of the outputs; the same object as ``writes`` where no name has a format."""
        return self._write_bases

    @property
    def is_generator(self) -> bool:
        """Whether the function yields its outputs in chunks."""
        return is_generator_function(self._func)

    def run(self, inputs: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Call the function with the values of its inputs and return those of its outputs by name.

        Where the function yields, each output is an iterator over its chunks.

        Raises ``NodeError`` when the values are not exactly those of the inputs, or what the function
        returned does not fit the outputs. What the function itself raises comes through as it is.
        """
        values = {} if inputs is None else inputs
        if not isinstance(values, Mapping):
            raise NodeError(f"{who(self)} takes its inputs as a dictionary, not as {type(values).__name__!r}")
        if values.keys() != set(self._reads):
            raise NodeError(f"{who(self)} needs the inputs {sorted(self._reads)}, but got {sorted(values)}")
        if isinstance(self._inputs, dict):
            result = self._func(**{key: values[name] for key, name in self._inputs.items()})
        else:
            result = self._func(*[values[name] for name in self._values_in])
        return name_results(result, self._outputs, self, self.is_generator)

    def tag(self, tags: str | Iterable[str]) -> Node:
        """Return a copy that has these tags as well."""
        return self._copy(tags=self._tags.union(words(tags)))

    def rename(self, new_name: Callable[[str], str], namespace: str | None = None) -> Node:
        """Return a copy whose datasets are renamed, inside ``namespace`` if there is one."""
        return self._copy(
            inputs=_renamed(self._inputs, new_name),
            outputs=_renamed(self._outputs, new_name),
            confirms=[new_name(name) for name in self._confirms],
            namespace=".".join(filter(None, (namespace, self._namespace))),
        )

    def _copy(self, **changes: Any) -> Node:
        given: dict[str, Any] = {
            "func": self._func,
            "inputs": _renamed(self._inputs, str),
            "outputs": _renamed(self._outputs, str),
            "name": self._given_name,
            "tags": self._tags,
            "confirms": list(self._confirms),
            "namespace": self._namespace,
        }
        return Node(**{**given, **changes})

    @property
    def identity(self) -> tuple[str, list[str], list[str]]:
        """What is compared when nodes are: name, inputs and outputs, and the form the latter have."""
        return self._name, _comparable(self._inputs), _comparable(self._outputs)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Node):
            return NotImplemented
        return self._name == other.name and self.identity == other.identity

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Node):
            return NotImplemented
        return self.identity < other.identity

    def __hash__(self) -> int:
        return hash(self._name)

    def __call__(self, **inputs: Any) -> dict[str, Any]:
        return self.run(inputs)

    def __str__(self) -> str:
        return label(self._given_name, self._func, self._values_in, self._writes)

    def __repr__(self) -> str:
        return (
            f"Node({self.func_name}, {_renamed(self._inputs, str)!r}, {_renamed(self._outputs, str)!r}, "
            f"name={self._given_name!r})"
        )


def node(
    func: Callable[..., Any],
    inputs: Names,
    outputs: Names,
    *,
    name: str | None = None,
    tags: str | Iterable[str] | None = None,
    confirms: str | list[str] | None = None,
    namespace: str | None = None,
) -> Node:
    """Declare a node.

    ``inputs`` is a dataset's name, a list of them in the order of the function's arguments, or a
    dictionary from arguments to names. ``outputs`` is a name for what the function returns as a whole,
    a list for the parts of a returned list or tuple, or a dictionary from the keys of a returned
    dictionary to names. Either may be None, not both. ``name`` and ``tags`` are made of letters,
    digits, hyphens, underscores and full stops. ``confirms`` names datasets that are told when the node
    has succeeded.

    Example::

        node(split, ["flights", "params:share"], ["train", "test"], name="split", tags="features")
    """
    return Node(func, inputs, outputs, name=name, tags=tags, confirms=confirms, namespace=namespace)


def _bind(func: Callable[..., Any], inputs: Names, taken: tuple[str, ...]) -> tuple[_Form, tuple[str, ...]]:
    """Return the inputs as they are kept, and their names in the order of the function's arguments."""
    if isinstance(inputs, dict) and inputs:
        keywords = keyword_order(func, list(inputs))
        if keywords is not None:
            return dict(inputs), tuple(inputs[keyword] for keyword in keywords)
    elif accepts(func, len(taken)):
        return _form(inputs, taken), taken
    raise NodeError(
        f"function {readable_name(func)!r} takes the arguments {arguments(func)}, "
        f"but the inputs are {inputs!r}"
    )


def _form(given: Names, names: tuple[str, ...]) -> _Form:
    if not names:
        return None
    if isinstance(given, dict):
        return dict(given)
    return names[0] if isinstance(given, str) else names


def _renamed(form: _Form, new_name: Callable[[str], str]) -> Names:
    if form is None:
        return None
    if isinstance(form, str):
        return new_name(form)
    if isinstance(form, dict):
        return {key: new_name(name) for key, name in form.items()}
    return [new_name(name) for name in form]


def _comparable(form: _Form) -> list[str]:
    """Return the form as strings: its kind, then what it holds (a dictionary in any order)."""
    if form is None:
        return []
    if isinstance(form, str):
        return ["name", form]
    if isinstance(form, dict):
        return ["names by key", *(str(part) for pair in sorted(form.items()) for part in pair)]
    return ["names", *form]


def _check_roles(node: Node) -> None:
    """Raise when a name has two roles in the node, or there is none at all."""
    reads, writes = node.read_bases, node.write_bases
    if not reads and not writes:
        raise NodeError(f"a node of {node.func_name!r} must have inputs or outputs")
    if len(writes) > 1 and len(set(node.writes)) < len(writes):
        twice = sorted({name for name in node.writes if node.writes.count(name) > 1})
        raise NodeError(f"node {str(node)!r} names the outputs {twice} more than once")
    if not set(reads).isdisjoint(writes):
        both = ", ".join(map(repr, sorted(set(reads).intersection(writes))))
        raise NodeError(f"node {str(node)!r} reads and writes {both}; give its output a name of its own")

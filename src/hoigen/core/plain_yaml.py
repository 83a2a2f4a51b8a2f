"""YAML of strangers: plain values, and no more of them than the text has.

An alias (`*name`) stands for a whole tree. Nine lines of nine aliases each stand for a billion values, which nobody
notices until somebody walks through them.
"""

from __future__ import annotations

from typing import Any

LONGEST = 64 << 20
"""Characters of one file."""
FREE, TIMES = 10_000, 10
"""So many values may stand there by aliases, or so many times as many as are written out."""


def loaded(text: str, loader: Any = None) -> Any:
    """The value of a YAML text.

    Args:
        text: one document.
        loader: of PyYAML; its safe one when not given, by libyaml where PyYAML was built with it: a run.yaml is read
            by every command, and takes a tenth of the time.

    Raises yaml.YAMLError for whatever is wrong with it: a value that Python cannot hold (a number of 5000 digits, the
    31st of February), aliases that stand for too much or for themselves, depth.
    """
    import yaml

    reader = None
    try:
        if len(text) > LONGEST:
            raise yaml.YAMLError(f"more than {LONGEST >> 20} MiB")
        reader = (loader or getattr(yaml, "CSafeLoader", yaml.SafeLoader))(text)
        node = reader.get_single_node()
        if node is None:
            return None
        check(node)
        return reader.construct_document(node)
    except RecursionError:
        raise yaml.YAMLError("nested too deeply") from None
    except (ValueError, OverflowError, TypeError, KeyError, AttributeError) as error:  # of a value, or of its tag
        raise yaml.YAMLError(f"a value that cannot be read: {error}") from None
    finally:
        if reader is not None:
            reader.dispose()


def dumped(value: Any) -> str:
    """A text of YAML for files that hoigen reads again: keys in their order, lines of 100 characters."""
    import yaml

    writer = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return str(yaml.dump(value, Dumper=writer, sort_keys=False, allow_unicode=True, width=100))


def check(root: Any) -> None:
    """Raises yaml.YAMLError when aliases below a node of PyYAML stand for too much, or for themselves.

    Args:
        root: what `yaml.compose` gives.
    """
    import yaml

    sizes: dict[int, int] = {}
    under_way: set[int] = set()

    def size(node: Any) -> int:
        if (known := sizes.get(id(node))) is not None:
            return known
        if id(node) in under_way:
            raise yaml.constructor.ConstructorError(None, None, "an alias stands for itself", node.start_mark)
        under_way.add(id(node))
        parts = node.value if isinstance(node, yaml.MappingNode | yaml.SequenceNode) else ()
        count = 1 + sum(size(part) for each in parts for part in (each if isinstance(each, tuple) else (each,)))
        under_way.discard(id(node))
        sizes[id(node)] = count
        return count

    total = size(root)
    if total > max(FREE, TIMES * len(sizes)):
        raise yaml.YAMLError(f"its aliases stand for {total:.3g} values, and {len(sizes)} are written")

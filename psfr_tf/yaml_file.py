"""YAML files that people write: reading and checking them, mistakes told in one line."""

import difflib
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin

import yaml
from pydantic import AfterValidator, BaseModel, ValidationError

from psfr_tf.errors import UserError, cause
from psfr_tf.files import is_plain_name, read_bounded

Section = TypeVar("Section", bound=BaseModel)

# A file of ours has 3 kB and 3 levels.
MAX_BYTES = 2**20
MAX_DEPTH = 20
# Shown of one file.
MAX_MISTAKES = 10


def _plain(name: str) -> str:
    if not is_plain_name(name):
        raise ValueError(f"{name!r:.100} is no plain file name")
    return name


# A name from a file that becomes one of a file or folder.
PlainName = Annotated[str, AfterValidator(_plain)]


def validated(section: type[Section], values: dict[str, Any], path: str | Path) -> Section:
    """The section of these values.

    Args:
        section: the pydantic model of the whole file.
        values: what the file says.
        path: of the file, for the message.

    Raises:
        UserError: one line naming the file, each wrong key and what is allowed.
    """
    try:
        return section.model_validate(values)
    except ValidationError as error:
        raise UserError(f"{path}: {_one_line(error, section)}") from error


def read_yaml(path: Path, keys: str) -> dict[str, Any]:
    """The mapping in a YAML file.

    Args:
        keys: some that are expected, for the message.

    Raises:
        UserError: one line naming the file and the reason.
    """
    try:
        text = read_bounded(path, MAX_BYTES).decode("utf-8-sig")
        _check_extent(text)
        values = yaml.safe_load(text)
    except OSError as error:
        raise UserError(f"{path}: cannot read the config: {cause(error)}") from error
    # ValueError and OverflowError: dates, numbers of thousands of digits, bytes that are no text.
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path}: not a YAML file: {reason}") from error
    if not isinstance(values, dict):
        raise UserError(f"{path}: expected keys such as {keys}")
    return values


def _check_extent(text: str) -> None:
    """Refuse what is small in the file and has no end in memory.

    Raises:
        yaml.YAMLError: deep nesting, or an alias: aliases of aliases may stand for gigabytes.
    """
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise yaml.YAMLError(f"nested more than {MAX_DEPTH} levels deep")
        if isinstance(event, yaml.AliasEvent):
            raise yaml.YAMLError(f"aliases such as *{event.anchor} are not supported")


def _section_of(section: Any, location: tuple) -> type[BaseModel] | None:
    for name in location:
        if isinstance(name, int):  # an item of the list whose section this is already
            continue
        field = section.model_fields.get(name) if section else None
        annotation = field.annotation if field else None
        if get_origin(annotation) is list:
            (annotation,) = get_args(annotation)
        is_section = isinstance(annotation, type) and issubclass(annotation, BaseModel)
        section = annotation if is_section else None
    return section


def _one_line(error: ValidationError, whole: type[BaseModel]) -> str:
    messages = []
    for item in error.errors()[:MAX_MISTAKES]:
        location = item["loc"]
        key = ".".join(str(part) for part in location)
        if item["type"] == "extra_forbidden":
            section = _section_of(whole, location[:-1])
            known = list(section.model_fields) if section else []
            close = difflib.get_close_matches(str(location[-1]), known, n=1)
            hint = f"did you mean {close[0]}? " if close else ""
            messages.append(f"unknown key {key}; {hint}Known keys: {', '.join(known)}")
        elif item["type"] == "missing":
            messages.append(f"missing key {key}")
        elif item["type"] == "value_error":
            reason = str(item["ctx"]["error"])
            messages.append(f"{key}: {reason}" if key else reason)
        else:
            reason = item["msg"][0].lower() + item["msg"][1:]
            messages.append(f"{key}: {reason}, got {_shown(item['input'])}")
    if error.error_count() > MAX_MISTAKES:
        messages.append(f"and {error.error_count() - MAX_MISTAKES} more")
    return "; ".join(messages)


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of more digits than Python writes
        text = f"a large {type(value).__name__}"
    return text if len(text) <= 200 else f"{text[:196]} ..."

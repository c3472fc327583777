"""The tokenizer of a model in the Transformers library's format, and its tokens in order."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from tiro.engines.whisper.checkpoint import read_json
from tiro.errors import ModelCorrupt

END = "<|endoftext|>"
FIRST_TIME = "<|0.00|>"


def read_tokenizer(folder: Path) -> Any:
    """The model's tokenizer, of the ``tokenizers`` library: its own file, or one made from its parts.

    Raises:
        ModelCorrupt
    """
    import tokenizers

    try:
        if (folder / "tokenizer.json").exists():
            return tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        return _made(folder)
    except ModelCorrupt:
        raise
    except Exception as err:  # the library raises plain Exception on a damaged file
        raise ModelCorrupt(f"The tokenizer in {folder} is damaged ({err}).") from err


def _made(folder: Path) -> Any:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    vocabulary = read_json(folder / "vocab.json")
    lines = (folder / "merges.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split(" ") for line in lines if line and not line.startswith("#version"))
    merges = [(left, right) for left, right in pairs]
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    added = sorted(_added(folder).items(), key=lambda item: item[1])
    # As many as may be in one call: in each the library goes through all that it has.
    for special, run in itertools.groupby((token for token, _ in added), _is_special):
        entries = [AddedToken(token, special=special, normalized=False) for token in run]
        (tokenizer.add_special_tokens if special else tokenizer.add_tokens)(entries)
    for token, number in added:
        if tokenizer.token_to_id(token) != number:
            raise ModelCorrupt(f"The tokens in {folder} are not numbered without gaps (at '{token}').")
    return tokenizer


def _is_special(token: str) -> bool:
    return not token.startswith("<|") or not token[2:3].isdigit()  # the time stamps are text


def _added(folder: Path) -> dict[str, int]:
    """The tokens beside the vocabulary, with their numbers, wherever they are listed."""
    added = dict(read_json(folder / "added_tokens.json"))
    listed = read_json(folder / "tokenizer_config.json").get("added_tokens_decoder")
    if isinstance(listed, dict):
        added |= {entry["content"]: int(number) for number, entry in listed.items()}
    return added


def tokens_of(tokenizer: Any, size: int, folder: Path) -> list[str]:
    """All tokens in the order of their numbers; time stamps that the tokenizer does not list are added.

    By an empty token among them, which stands before the end token, CTranslate2 takes a model for
    multilingual. Where the model's files say what it is, that goes first.

    Args:
        size: of the model's vocabulary.

    Raises:
        ModelCorrupt: the tokenizer belongs to another model.
    """
    by_number = {number: token for token, number in tokenizer.get_vocab().items()}
    known = len(by_number)
    if known > size or sorted(by_number) != list(range(known)) or END not in by_number.values():
        raise ModelCorrupt(f"The tokenizer in {folder} does not belong to these weights.")
    tokens = [by_number[number] for number in range(known)]
    first = tokens.index(FIRST_TIME) if FIRST_TIME in tokens else known
    tokens += [f"<|{0.02 * (place - first):.2f}|>" for place in range(known, size)]
    said = read_json(folder / "generation_config.json").get("is_multilingual")
    if said is True and "" not in tokens:
        tokens[max(0, tokens.index(END) - 1)] = ""
    elif said is False and "" in tokens:
        tokens[tokens.index("")] = "<|unused|>"
    return tokens

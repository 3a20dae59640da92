#!/usr/bin/env python3
"""ctr and the containerd behind it, as far as the role `images` uses them.

What it has lies in a folder of the machine, one for each namespace. Digests are checked, filters
are kept to, an image is made of blobs that are there already; the garbage collector, which comes
when it likes, comes here after every call that may leave it something. Manifests only, no indexes;
a call that is not known ends with 2.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import re
import sys
import tarfile
from pathlib import Path

_FILTER = re.compile(r'(?:(name)|labels\."([^"]+)")=="?([^"]*)"?')
_NAME = "io.containerd.image.name"
_COLUMNS = "REF TYPE DIGEST STATUS SIZE UNPACKED\n"


class Store:
    """Blobs by digest, and what is known of them and of images."""

    def __init__(self, folder):
        self._blobs = folder / "blobs"
        self._blobs.mkdir(parents=True, exist_ok=True)
        self._file = folder / "known.json"
        known = json.loads(self._file.read_text("utf-8")) if self._file.exists() else {}
        self.labels = known.get("labels", {})
        self.images = known.get("images", {})

    def save(self):
        known = {"labels": self.labels, "images": self.images}
        self._file.write_text(json.dumps(known), "utf-8")

    def digests(self):
        return sorted(path.name for path in self._blobs.iterdir())

    def add(self, digest, content):
        (self._blobs / digest).write_bytes(content)
        self.labels.setdefault(digest, {})

    def parts(self, manifest):
        """Return what a manifest that is here refers to."""
        content = json.loads((self._blobs / manifest).read_bytes())
        return [content["config"], *content["layers"]]

    def collect(self):
        """Remove what nothing refers to."""
        kept = {
            digest for digest, labels in self.labels.items() if "containerd.io/gc.root" in labels
        }
        for image in self.images.values():
            kept.add(image["digest"])
            if image["digest"] in self.digests():
                kept |= {part["digest"] for part in self.parts(image["digest"])}
        for digest in set(self.digests()) - kept:
            (self._blobs / digest).unlink()
            del self.labels[digest]


def fits(filters, name, labels):
    """Say whether one of the filters, if there are any, lets this pass."""
    for text in filters:
        is_name, label, value = _FILTER.fullmatch(text).groups()
        if value == (name if is_name else labels.get(label)):
            return True
    return not filters


def relabel(labels, words):
    """Set labels; one that is set to nothing goes."""
    for word in words:
        key, _, value = word.partition("=")
        labels[key] = value
        if not value:
            del labels[key]


def content_list(store, wanted):
    found = [each for each in store.digests() if fits(wanted.filters, each, store.labels[each])]
    sys.stdout.writelines(f"{digest}\n" for digest in found)


def content_ingest(store, wanted):
    content = sys.stdin.buffer.read()
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    for what, found, expected in (
        ("size", len(content), wanted.expected_size),
        ("digest", digest, wanted.expected_digest),
    ):
        if found != expected:
            sys.exit(
                f'ctr: failed commit on ref "{wanted.reference}": '
                f"unexpected commit {what} {found}, expected {expected}: failed precondition"
            )
    store.add(digest, content)


def content_label(store, wanted):
    if wanted.which not in store.labels:
        sys.exit(f"ctr: content digest {wanted.which}: not found")
    relabel(store.labels[wanted.which], wanted.labels)
    store.collect()


def images_import(store, _wanted):
    with tarfile.open(fileobj=io.BytesIO(sys.stdin.buffer.read())) as archive:
        index = json.load(archive.extractfile("index.json"))
    here = store.digests()
    for target in index["manifests"]:
        parts = store.parts(target["digest"]) if target["digest"] in here else []
        for each in (target, *parts):
            if each["digest"] not in here:
                sys.exit(f"ctr: content digest {each['digest']}: not found")
        image = {"type": target["mediaType"], "digest": target["digest"], "labels": {}}
        store.images[target["annotations"][_NAME]] = image
    store.collect()


def images_label(store, wanted):
    if wanted.which not in store.images:
        sys.exit(f'ctr: image "{wanted.which}": not found')
    relabel(store.images[wanted.which]["labels"], wanted.labels)


def images_check(store, wanted):
    here = store.digests()
    rows = []
    for name, image in sorted(store.images.items()):
        if not fits(wanted.filters, name, image["labels"]):
            continue
        status, size = "unavailable (0/?)", "0.0 B/?"
        if image["digest"] in here:
            parts = store.parts(image["digest"])
            present = [part for part in parts if part["digest"] in here]
            word = "complete" if len(present) == len(parts) else "incomplete"
            status = f"{word} ({len(present)}/{len(parts)})"
            sizes = [sum(part["size"] for part in some) for some in (present, parts)]
            size = "/".join(f"{each / 1024:.1f} KiB" for each in sizes)
        rows.append(f"{name} {image['type']} {image['digest']} {status} {size} true\n")
    # as ctr does it: without an image there is no heading either
    sys.stdout.writelines([_COLUMNS, *rows] if rows else [])


def arguments():
    parser = argparse.ArgumentParser(prog="ctr")
    parser.add_argument("--timeout")
    parser.add_argument("--namespace", "-n", default="default")
    nouns = parser.add_subparsers(required=True)
    content = nouns.add_parser("content").add_subparsers(required=True)
    images = nouns.add_parser("images").add_subparsers(required=True)
    verb = content.add_parser("list", aliases=["ls"])
    verb.add_argument("--quiet", "-q", action="store_true", required=True)
    verb.add_argument("filters", nargs="*")
    verb.set_defaults(do=content_list)
    verb = content.add_parser("ingest")
    verb.add_argument("--expected-digest", required=True)
    verb.add_argument("--expected-size", type=int, required=True)
    verb.add_argument("reference")
    verb.set_defaults(do=content_ingest)
    verb = images.add_parser("import")
    verb.add_argument("file", choices=["-"])
    verb.set_defaults(do=images_import)
    verb = images.add_parser("check")
    verb.add_argument("filters", nargs="*")
    verb.set_defaults(do=images_check)
    for noun, do in ((content, content_label), (images, images_label)):
        verb = noun.add_parser("label")
        verb.add_argument("which")
        verb.add_argument("labels", nargs="+")
        verb.set_defaults(do=do)
    return parser.parse_args()


def main():
    wanted = arguments()
    # the program lies in the machine's bin
    store = Store(Path(sys.argv[0]).parents[1] / "containerd" / wanted.namespace)
    wanted.do(store, wanted)
    store.save()


if __name__ == "__main__":
    main()

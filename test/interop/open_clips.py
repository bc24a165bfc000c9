#!/usr/bin/env python3
"""Opens clips by PROTOCOL.md alone: a second reader, which shares no line with the first.

It needs Python 3.9, and the commands `age` and `openssl`. Of age it knows X25519 only: a clip that is sealed to hybrid
recipients is `seal.closed` to it.

  open_clips.py open HOME.json STORE OUT      every clip of a clip store's folder
  open_clips.py vectors test/vectors/clips.json

HOME.json: {"householdId", "rootId", "claims": [statement...], "identities": ["AGE-SECRET-KEY-1..."]}
STORE: <household>/<epoch>/<device>/<clip>/<part>
"""

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile

KIB = 1024
CHUNK = 64 * KIB + 16
MESSAGE_MAX = 128 * KIB
FRAME_MAX = 512
SAFE = 2**53 - 1


class Refused(Exception):
    """A code of PROTOCOL 8."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


# Forms: each takes a value and says whether it has the form (PROTOCOL 1).


def matching(pattern):
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def whole(least, most):
    def check(value):
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return is_number and value == int(value) and least <= value <= most

    return check


def between(least, most):
    return lambda value: isinstance(value, (int, float)) and not isinstance(value, bool) and least <= value <= most


def one_of(*values):
    return lambda value: isinstance(value, str) and value in values


def boolean(value):
    return isinstance(value, bool)


def or_null(form):
    return lambda value: value is None or form(value)


def fields(optional=(), **forms):
    """An object with exactly these fields."""

    def check(value):
        if not isinstance(value, dict) or not set(value) <= set(forms):
            return False
        return all(forms[name](value[name]) if name in value else name in optional for name in forms)

    return check


def many(form, least, most):
    return lambda value: isinstance(value, list) and least <= len(value) <= most and all(map(form, value))


def is_time(value):
    if not matching(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")(value):
        return False
    year, month, day = int(value[:4]), int(value[5:7]), int(value[8:10])
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    days = (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    hour, minute, second = int(value[11:13]), int(value[14:16]), int(value[17:19])
    return 1 <= month <= 12 and 1 <= day <= days[month - 1] and hour < 24 and minute < 60 and second < 60


def is_line(most):
    """Text for people: one line, without what turns the direction of writing."""
    bad = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

    def check(value):
        if not isinstance(value, str) or bad.search(value):
            return False
        return len(value.encode("utf-16-le")) // 2 <= most

    return check


ID = matching(r"[a-z2-7]{51}[aq]")
RANDOM = matching(r"[a-z2-7]{26}")
SHA256 = matching(r"[0-9a-f]{64}")
EPOCH = whole(1, 2**32 - 1)
COUNT = whole(0, SAFE)
FROM_ONE = whole(1, SAFE)
STATEMENT = matching(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
TRIGGER = one_of("face", "motion")
ENVELOPE = {
    "audience": one_of("household"),
    "householdId": ID,
    "deviceId": ID,
    "epoch": EPOCH,
    "roster": FROM_ONE,
    "counter": FROM_ONE,
    "clipId": RANDOM,
}
FILE = fields(bytes=FROM_ONE, sha256=SHA256)
BOTH = fields(sealed=FILE, plain=FILE)
FRACTION = between(0, 1)
FACE = fields(
    optional=("person",),
    box=many(FRACTION, 4, 4),
    score=FRACTION,
    atMs=between(0, float("inf")),
    person=is_line(64),
)
RECIPIENTS = fields(
    x25519=matching(r"age1[02-9ac-hj-np-z]{58}"),
    hybrid=or_null(matching(r"age1pq1[02-9ac-hj-np-z]{1952}")),
)

# typ: (limit in bytes, form) (PROTOCOL 2).
KINDS = {
    "ownlens-half/1": (
        8 * KIB,
        fields(
            deviceId=ID,
            recipients=RECIPIENTS,
            nonce=RANDOM,
            invited=or_null(
                fields(householdId=ID, rootId=ID, epoch=EPOCH, registrarEpoch=whole(0, 2**32 - 1), hmac=SHA256)
            ),
        ),
    ),
    "ownlens-claim/1": (
        8 * KIB,
        fields(
            householdId=ID,
            deviceId=ID,
            epoch=EPOCH,
            half=STATEMENT,
            hub=fields(url=matching(r"https://[^/?#@\s]{1,192}"), caId=ID),
            issuedAt=is_time,
        ),
    ),
    "ownlens-opening/1": (
        8 * KIB,
        fields(**ENVELOPE, startedAt=is_time, clockSure=boolean, audio=boolean, trigger=TRIGGER),
    ),
    "ownlens-running-hash/1": (
        8 * KIB,
        fields(**ENVELOPE, index=whole(0, 99999), offset=FROM_ONE, sha256=SHA256),
    ),
    "ownlens-manifest/1": (
        32 * KIB,
        fields(
            **ENVELOPE,
            startedAt=is_time,
            clockSure=boolean,
            durationMs=FROM_ONE,
            audio=boolean,
            triggers=many(TRIGGER, 1, 2),
            end=one_of("event", "split", "stopped", "camera", "privacy"),
            faces=many(FACE, 0, 64),
            video=BOTH,
            thumbnail=or_null(BOTH),
            previous=or_null(fields(counter=FROM_ONE, sha256=SHA256)),
        ),
    ),
}


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def key_id(spki):
    return base64.b32encode(hashlib.sha256(spki).digest()).decode().rstrip("=").lower()


def strict_json(data):
    """JSON in UTF-8 whose objects name no field twice."""

    def once(pairs):
        if len({name for name, _ in pairs}) != len(pairs):
            raise ValueError("a field is named twice")
        return dict(pairs)

    def never(name):
        raise ValueError(name)

    return json.loads(data.decode("utf-8"), object_pairs_hook=once, parse_constant=never)


def base64url(text):
    """Without padding, spare bits zero."""
    data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if base64.urlsafe_b64encode(data).decode().rstrip("=") != text:
        raise ValueError("spare bits")
    return data


def run(command, data=b""):
    done = subprocess.run(command, input=data, capture_output=True, check=False)
    return done.returncode, done.stdout, done.stderr.decode("utf-8", "replace")


# Statements (PROTOCOL 2).

# SubjectPublicKeyInfo of a P-256 key, up to the point.
SPKI = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")


def der_integer(data):
    data = data.lstrip(b"\0") or b"\0"
    if data[0] & 0x80:
        data = b"\0" + data
    return b"\x02" + bytes([len(data)]) + data


def signature_holds(spki, signed, signature):
    if len(signature) != 64:
        return False
    pair = der_integer(signature[:32]) + der_integer(signature[32:])
    with tempfile.TemporaryDirectory() as folder:
        key, proof = os.path.join(folder, "key"), os.path.join(folder, "signature")
        with open(key, "wb") as file:
            file.write(b"-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(spki) + b"\n-----END PUBLIC KEY-----\n")
        with open(proof, "wb") as file:
            file.write(b"\x30" + bytes([len(pair)]) + pair)
        return run(["openssl", "dgst", "-sha256", "-verify", key, "-signature", proof], signed)[0] == 0


def read_statement(typ, jws, signed_by=None):
    """In the order of PROTOCOL 2: size, kind, version, signature, signer, form. Returns payload and signer's id."""
    limit, form = KINDS[typ]
    if len(jws) > limit:
        raise Refused("statement.size")
    parts = jws.split(".")
    try:
        if len(parts) != 3 or not re.fullmatch(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*", jws):
            raise ValueError
        header = strict_json(base64url(parts[0]))
        said = header["typ"]
        if not isinstance(said, str):
            raise ValueError
    except (ValueError, KeyError, TypeError, UnicodeDecodeError):
        raise Refused("statement.kind") from None
    if said != typ:
        name, _, version = said.partition("/")
        same = name == typ.partition("/")[0] and re.fullmatch(r"\d{1,9}", version)
        raise Refused("statement.version" if same else "statement.kind")
    try:
        jwk = header["jwk"]
        if set(header) != {"alg", "typ", "jwk"} or set(jwk) != {"kty", "crv", "x", "y"}:
            raise ValueError
        if (header["alg"], jwk["kty"], jwk["crv"]) != ("ES256", "EC", "P-256"):
            raise ValueError
        x, y = base64url(jwk["x"]), base64url(jwk["y"])
        if len(x) != 32 or len(y) != 32:
            raise ValueError
        payload, signature = base64url(parts[1]), base64url(parts[2])
        spki = SPKI + x + y
        if not signature_holds(spki, f"{parts[0]}.{parts[1]}".encode(), signature):
            raise ValueError
    except (ValueError, TypeError, KeyError):
        raise Refused("statement.signature") from None
    signer = key_id(spki)
    if signed_by is not None and signer != signed_by:
        raise Refused("statement.signer")
    try:
        value = strict_json(payload)
    except (ValueError, RecursionError):
        raise Refused("statement.form") from None
    if not form(value):
        raise Refused("statement.form")
    return value, signer


def statement_hash(jws):
    return sha256(jws[: jws.rindex(".")].encode())


def read_claim(jws, household_id, root_id):
    """PROTOCOL 4.3."""
    claim, _ = read_statement("ownlens-claim/1", jws, root_id)
    half, signer = read_statement("ownlens-half/1", claim["half"])
    if signer != half["deviceId"]:
        raise Refused("statement.signer")
    if claim["householdId"] != household_id:
        raise Refused("claim.household")
    invited = half["invited"]
    same = invited is not None and (
        (half["deviceId"], invited["householdId"], invited["epoch"], invited["rootId"])
        == (claim["deviceId"], household_id, claim["epoch"], root_id)
    )
    if not same:
        raise Refused("claim.half")
    return claim


# Seals (PROTOCOL 6.9).


class Keys:
    """A member's age identities, in a file for `age`."""

    def __init__(self, identities, folder):
        self.path = os.path.join(folder, "identities")
        known = [key for key in identities if key.startswith("AGE-SECRET-KEY-1")]
        with open(self.path, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write("\n".join(known) + "\n")

    def open(self, sealed):
        code, plain, said = run(["age", "--decrypt", "--identity", self.path], sealed)
        if code == 0:
            return plain
        raise Refused("seal.closed" if "no identity matched" in said else "seal.damaged")

    def open_beginning(self, sealed):
        """What lies in the whole chunks of an age file that is cut behind one of them."""
        return run(["age", "--decrypt", "--identity", self.path], sealed)[1]


def open_statement(typ, sealed, keys, signed_by):
    if len(sealed) > MESSAGE_MAX:
        raise Refused("statement.size")
    text = keys.open(sealed).rstrip(b" ").decode("utf-8", "replace")
    return text, read_statement(typ, text, signed_by)[0]


# Parts (PROTOCOL 6.2).

COMMON = {"v": lambda value: value == 1 and not isinstance(value, bool), "length": whole(1, MESSAGE_MAX - FRAME_MAX), "sha256": SHA256}
COUNTS = fields(video=whole(0, 100000), hashes=whole(0, 100000), thumb=whole(0, 1))
FRAME = fields(kind=one_of("open", "video", "hash", "thumb"), **COMMON)
END_FRAME = fields(kind=one_of("end"), parts=COUNTS, **COMMON)


def read_part(message):
    if len(message) > MESSAGE_MAX:
        raise Refused("part.size")
    end = message[:FRAME_MAX].find(b"\n")
    if end < 0:
        raise Refused("part.frame")
    try:
        frame = json.loads(message[:end].decode("utf-8"))
    except (ValueError, RecursionError):
        raise Refused("part.frame") from None
    payload = message[end + 1 :]
    if not (FRAME(frame) or END_FRAME(frame)) or len(payload) != frame["length"]:
        raise Refused("part.frame")
    if sha256(payload) != frame["sha256"]:
        raise Refused("part.hash")
    return frame, payload


def kind_of(name):
    if name in ("open", "thumb", "end"):
        return name
    return "hash" if name.startswith("h") else "video"


class Clip:
    """A sealed clip: where it lies, and its parts by their names."""

    def __init__(self, epoch, device_id, clip_id, parts):
        self.epoch, self.device_id, self.clip_id, self.parts = epoch, device_id, clip_id, parts

    def part(self, name):
        if name not in self.parts:
            raise Refused("clip.frames")
        frame, payload = read_part(self.parts[name]())
        if frame["kind"] != kind_of(name):
            raise Refused("clip.frames")
        return frame, payload


# Opening a clip (PROTOCOL 6.8).


def whole_fragments(plain):
    """The start (ftyp, moov) and each moof with its mdat, as far as they are whole (ISO/IEC 14496-12)."""
    out, start, at, waiting, fragments = [], None, 0, b"", 0
    while at + 8 <= len(plain):
        size, kind = int.from_bytes(plain[at : at + 4], "big"), plain[at + 4 : at + 8]
        if size < 8 or at + size > len(plain):
            break
        box = plain[at : at + size]
        at += size
        if kind in (b"ftyp", b"moof"):
            waiting = box
        elif kind == b"moov":
            out.append(waiting + box)
            waiting, start = b"", True
        elif kind == b"mdat" and start and waiting:
            out.append(waiting + box)
            waiting, fragments = b"", fragments + 1
    return b"".join(out) if fragments > 0 else None


class Reader:
    """An app of one household: its claims, its keys, and which numbers it has seen."""

    def __init__(self, household_id, claims, keys):
        self.household_id, self.claims, self.keys = household_id, claims, keys
        # (device, epoch, counter): [clip id, hash of the manifest, what it says came before]
        self.seen = {}

    def open(self, clip):
        """Returns (video, picture or None, whether it was cut short). Throws Refused."""
        opening = self._opening(clip)
        end = self._end(clip, opening) if "end" in clip.parts else None
        self._number(clip, opening, end)
        if end is None:
            video, picture = self._cut_short(clip, opening), None
        else:
            video, picture = self._whole(clip, end), self._picture(clip, end)
        self._remember(clip, opening, end)
        return video, picture, end is None

    def _opening(self, clip):
        own = {claim["epoch"] for claim in self.claims if claim["deviceId"] == clip.device_id}
        if clip.epoch not in own:
            raise Refused("clip.claim")
        _, opening = open_statement("ownlens-opening/1", clip.part("open")[1], self.keys, clip.device_id)
        if opening["epoch"] > clip.epoch:
            raise Refused("clip.envelope")
        if opening["epoch"] not in own:
            raise Refused("clip.claim")
        self._envelope(clip, opening, opening)
        return opening

    def _envelope(self, clip, opening, statement):
        names = (statement["householdId"], statement["deviceId"], statement["epoch"], statement["clipId"])
        if names != (self.household_id, clip.device_id, opening["epoch"], clip.clip_id):
            raise Refused("clip.envelope")

    def _end(self, clip, opening):
        frame, payload = clip.part("end")
        jws, manifest = open_statement("ownlens-manifest/1", payload, self.keys, clip.device_id)
        self._envelope(clip, opening, manifest)
        if any(manifest[name] != opening[name] for name in ("counter", "roster", "startedAt", "audio")):
            raise Refused("clip.envelope")
        counts = frame["parts"]
        if (counts["thumb"] == 1) != (manifest["thumbnail"] is not None):
            raise Refused("clip.frames")
        names = [str(number) for number in range(int(counts["video"]))]
        names += [f"h{number}" for number in range(int(counts["hashes"]))] + ["thumb"] * int(counts["thumb"])
        if any(name not in clip.parts for name in names):
            raise Refused("clip.incomplete")
        return {"manifest": manifest, "sha256": statement_hash(jws), "video": int(counts["video"])}

    def _number(self, clip, opening, end):
        line = (clip.device_id, opening["epoch"])
        counter = opening["counter"]
        held = self.seen.get((*line, counter))
        if held is not None and held[0] != clip.clip_id:
            raise Refused("clip.counter")
        if end is None:
            return
        if held is not None and held[1] not in (None, end["sha256"]):
            raise Refused("clip.counter")
        previous = end["manifest"]["previous"]
        if previous is not None:
            before = self.seen.get((*line, previous["counter"]))
            other = before is not None and before[1] not in (None, previous["sha256"])
            if previous["counter"] >= counter or other:
                raise Refused("clip.chain")
        for (device, epoch, _), (_, _, named) in self.seen.items():
            if (device, epoch) == line and named is not None and named["counter"] == counter:
                if named["sha256"] != end["sha256"]:
                    raise Refused("clip.chain")

    def _remember(self, clip, opening, end):
        key = (clip.device_id, opening["epoch"], opening["counter"])
        if end is not None:
            self.seen[key] = [clip.clip_id, end["sha256"], end["manifest"]["previous"]]
        else:
            self.seen.setdefault(key, [clip.clip_id, None, None])

    def _whole(self, clip, end):
        said = end["manifest"]["video"]
        sealed = b""
        for number in range(end["video"]):
            if len(sealed) > said["sealed"]["bytes"]:
                break
            sealed += clip.part(str(number))[1]
        self._must_be(sealed, said["sealed"])
        plain = self.keys.open(sealed)
        self._must_be(plain, said["plain"])
        return plain

    def _picture(self, clip, end):
        said = end["manifest"]["thumbnail"]
        if said is None:
            return None
        sealed = clip.part("thumb")[1]
        self._must_be(sealed, said["sealed"])
        plain = self.keys.open(sealed)
        self._must_be(plain, said["plain"])
        return plain

    @staticmethod
    def _must_be(data, said):
        if len(data) != said["bytes"] or sha256(data) != said["sha256"]:
            raise Refused("clip.hash")

    def _cut_short(self, clip, opening):
        proofs = []
        for name in clip.parts:
            if kind_of(name) != "hash":
                continue
            try:
                _, proof = open_statement("ownlens-running-hash/1", clip.part(name)[1], self.keys, clip.device_id)
                self._envelope(clip, opening, proof)
            except Refused:
                continue
            if proof["counter"] == opening["counter"] and name == f"h{int(proof['index'])}":
                proofs.append(proof)
        most = max((proof["offset"] for proof in proofs), default=0)
        sealed, number = b"", 0
        while str(number) in clip.parts and len(sealed) <= most:
            sealed += clip.part(str(number))[1]
            number += 1
        proven = [
            proof["offset"]
            for proof in proofs
            if proof["offset"] <= len(sealed) and sha256(sealed[: proof["offset"]]) == proof["sha256"]
        ]
        if not proven:
            raise Refused("clip.unproven")
        video = whole_fragments(self.keys.open_beginning(sealed[: max(proven)]))
        if video is None:
            raise Refused("clip.unproven")
        return video


# The two commands.


def reader_of(home, folder):
    claims = [read_claim(jws, home["householdId"], home["rootId"]) for jws in home["claims"]]
    return Reader(home["householdId"], claims, Keys(home["identities"], folder))


def open_store(home_file, store, out):
    with open(home_file, encoding="utf-8") as file:
        home = json.load(file)
    os.makedirs(out, exist_ok=True)
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        reader = reader_of(home, folder)
        base = os.path.join(store, home["householdId"])
        for epoch in sorted(os.listdir(base), key=int):
            for device in sorted(os.listdir(os.path.join(base, epoch))):
                for clip_id in sorted(os.listdir(os.path.join(base, epoch, device))):
                    at = os.path.join(base, epoch, device, clip_id)
                    parts = {name: (lambda name=name, at=at: read_file(os.path.join(at, name))) for name in os.listdir(at) if re.fullmatch(r"open|end|thumb|h?(0|[1-9]\d{0,4})", name)}
                    told = {"clipId": clip_id}
                    try:
                        video, picture, told["cutShort"] = reader.open(Clip(int(epoch), device, clip_id, parts))
                        for name, data in (("mp4", video), ("jpg", picture)):
                            if data is not None:
                                with open(os.path.join(out, f"{clip_id}.{name}"), "wb") as file:
                                    file.write(data)
                    except Refused as refused:
                        told, failed = {"clipId": clip_id, "code": refused.code}, True
                    print(json.dumps(told))
    return 1 if failed else 0


def read_file(path):
    with open(path, "rb") as file:
        return file.read(MESSAGE_MAX + 1)


def run_vectors(path):
    """Each clip as an app that has opened the ones of `after`, and nothing else."""
    with open(path, encoding="utf-8") as file:
        vectors = json.load(file)
    blobs = {name: base64.b64decode(text) for name, text in vectors["blobs"].items()}
    named = {vector["name"]: vector for vector in vectors["clips"]}

    def clip_of(vector):
        parts = {name: (lambda blob=blob: blobs[blob]) for name, blob in vector["parts"].items()}
        return Clip(vector["epoch"], vector["deviceId"], vector["clipId"], parts)

    def is_hybrid(vector):
        return any(b"-> mlkem768x25519" in blobs[blob] for blob in vector["parts"].values())

    passed, wrong, left_out = 0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        reader = reader_of(vectors, folder)
        for vector in vectors["clips"]:
            before = [named[name] for name in vector["after"]]
            if any(map(is_hybrid, [vector, *before])):
                left_out += 1
                print(f"left out, sealed to hybrid recipients: {vector['name']}")
                continue
            reader.seen = {}
            try:
                for other in before:
                    reader.open(clip_of(other))
                video, picture, cut_short = reader.open(clip_of(vector))
                got = {"video": sha256(video), "thumbnail": picture and sha256(picture), "cutShort": cut_short}
            except Refused as refused:
                got = refused.code
            if got == vector["expect"]:
                passed += 1
            else:
                wrong += 1
                print(f"WRONG {vector['name']}: {got}, expected {vector['expect']}")
    print(f"{passed} as expected, {wrong} wrong, {left_out} left out")
    return 1 if wrong or passed == 0 else 0


def main(arguments):
    if len(arguments) == 4 and arguments[0] == "open":
        return open_store(*arguments[1:])
    if len(arguments) == 2 and arguments[0] == "vectors":
        return run_vectors(arguments[1])
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

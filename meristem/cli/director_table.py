"""The table of a director's /info."""

from __future__ import annotations

from meristem.cli.session import Session
from meristem.cli.table import Table
from meristem.formats.values import Hash, is_hash, text_or_none


def show(session: Session, info: Hash) -> None:
    """Shows name, UUID, version, CPI, features and user."""
    pairs = [(title, text_or_none(info.get(key)) or "") for title, key in (("Name", "name"), ("UUID", "uuid"))]
    pairs.append(("Version", text_or_none(info.get("version")) or ""))
    if info.get("stemcell_os"):
        pairs.append(("Director Stemcell", f"{info['stemcell_os']}/{info.get('stemcell_version') or ''}"))
    if info.get("cpi"):
        pairs.append(("CPI", str(info["cpi"])))
    features = info.get("features")
    if is_hash(features) and features:
        states = sorted(
            f"{name}: {'enabled' if is_hash(state) and state.get('status') else 'disabled'}"
            for name, state in features.items()
        )
        pairs.append(("Features", "\n".join(states)))
    pairs.append(("User", text_or_none(info.get("user")) or "(not logged in)"))
    header, cells = [title for title, _ in pairs], [value for _, value in pairs]
    session.screen.table(Table("", header, [cells], transpose=True))

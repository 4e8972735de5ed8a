"""Papers set by typst: what is set is handed over as data and never becomes a part of the template, so no name can be
markup. The same data gives the same bytes.
"""

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # it takes a moment to import, and most of what the service does needs none of it
    import typst

_OUR_FONTS = "pylopdf_fonts_zh_cn"  # looked up, not imported: all that is wanted are its files


def typeset(template: Path, told: bytes) -> bytes:
    """The template as PDF, which finds the data, JSON, in `sys.inputs.document`.

    It is PDF/UA-1, tagged for those who have it read to them, in fonts that are installed with the service. It takes a
    moment of processor time: call it in a thread.

    A name in letters that these fonts lack is set in the machine's own; where that has none either the letters are
    empty boxes, and the PDF is tagged but doesn't claim to be PDF/UA-1.
    """
    import typst

    for machine in (False, True):
        try:
            return _set(template, told, machine=machine, standards=["ua-1"])
        except typst.TypstError:
            continue
    return _set(template, told, machine=True, standards=[])


def _set(template: Path, told: bytes, *, machine: bool, standards: "list[typst.PDFStandard]") -> bytes:
    import typst

    return typst.compile(
        template,
        root=template.parent,
        font_paths=_fonts(machine=machine),
        format="pdf",
        sys_inputs={"document": told.decode()},
        pdf_standards=standards,
        timestamp=0,
    )


@lru_cache(maxsize=2)
def _fonts(*, machine: bool) -> "typst.Fonts":
    """Those that are installed with the service and typst's own; with the machine's, where told."""
    import typst

    spec = find_spec(_OUR_FONTS)
    assert spec is not None
    assert spec.origin is not None
    return typst.Fonts(include_system_fonts=machine, font_paths=[Path(spec.origin).parent])

"""Names of the forms of the degradation, see docs/degradation.md; imports nothing heavy."""

from typing import Literal, get_args

Form = Literal["paper", "release", "natural", "none", "jpeg75", "reduced192", "release_color"]
FORMS: tuple[str, ...] = get_args(Form)
FORM_HELP = (
    "degradation of the paper, of the authors' code, from no damage to the paper's (natural), or "
    "one kind to measure: none, jpeg75, reduced192 (to 192 px and back), release_color (the "
    "authors' without gray)"
)
FORM_LABELS = {
    "paper": "the paper's",
    "release": "the release's",
    "natural": "from none to the paper's",
    "none": "none",
    "jpeg75": "JPEG 75",
    "reduced192": "reduced to 192 px and back",
    "release_color": "the release's, without gray",
}

"""Names of the forms of the degradation, see docs/degradation.md; imports nothing heavy."""

from typing import Literal, get_args

Form = Literal["paper", "release", "natural"]
FORMS: tuple[str, ...] = get_args(Form)
FORM_HELP = "degradation of the paper, of the authors' code, or from no damage to the paper's"

"""Design substitutions that remove, add or strengthen a modification site."""

from vqrna.site_design.constraints import Constraints, make_constraints, parse_avoid, parse_cds
from vqrna.site_design.files import write_design
from vqrna.site_design.goals import GOALS, Goal, make_goal
from vqrna.site_design.run import SiteDesign, design

__all__ = [
    "GOALS",
    "Constraints",
    "Goal",
    "SiteDesign",
    "design",
    "make_constraints",
    "make_goal",
    "parse_avoid",
    "parse_cds",
    "write_design",
]

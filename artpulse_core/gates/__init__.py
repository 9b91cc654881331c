"""Gates: may this challenger replace that champion? Pure functions over predictions and one policy file.

Belongs here: the policy, the statistics it needs and the verdict. Does not belong here: moving an alias
(``artpulse_core.control``), computing predictions, files other than the policy.
"""

from artpulse_core.gates.evaluate import RuleResult, Verdict, evaluate, evaluate_first
from artpulse_core.gates.evidence import Evidence
from artpulse_core.gates.policy import Policy, load_policy

__all__ = ["Evidence", "Policy", "RuleResult", "Verdict", "evaluate", "evaluate_first", "load_policy"]

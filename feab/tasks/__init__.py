"""What is asked: task files (YAML) become questions, and truth and answers become scores.

`load_tasks` and `list_tasks` read text only. Scoring lies in `feab.tasks.scoring`; `feab.tasks.lm_eval` is the door
through which lm-evaluation-harness reads the same files.
"""

from __future__ import annotations

from feab.tasks.load import list_groups, list_tasks, load_tasks
from feab.tasks.task import Prompt, Task, answer_schema

__all__ = ["Prompt", "Task", "answer_schema", "list_groups", "list_tasks", "load_tasks"]

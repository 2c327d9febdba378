"""The flows through Prefect: runs, tasks, artifacts and failures as a person sees them in its UI."""

import inspect
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey, FlowRunFilter, TaskRunFilter
from prefect.client.schemas.objects import FlowRun

from flows.document_job import document_job
from flows.registered_job import registered_job
from tasks import runtime
from tasks.conclusion import read_report
from tasks.registration import Request, register
from tests.servers import Simulator, simulated_settings
from throughline.domain.job import Depth, JobId, JobSpec, JobStatus, Kind, PathChoice
from throughline.domain.models import DEFAULT_MODEL
from throughline.errors import BadInput

print(1)

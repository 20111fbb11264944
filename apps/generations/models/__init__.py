"""Generations: calls, what they are made with, what they are found by, and boards."""

from __future__ import annotations

from apps.generations.models.accounts import AllowedAddress as AllowedAddress
from apps.generations.models.accounts import CatalogueEntry as CatalogueEntry
from apps.generations.models.accounts import ProviderKey as ProviderKey
from apps.generations.models.boards import Board as Board
from apps.generations.models.boards import BoardItem as BoardItem
from apps.generations.models.calls import LIVE as LIVE
from apps.generations.models.calls import POLLED as POLLED
from apps.generations.models.calls import SENT as SENT
from apps.generations.models.calls import Generation as Generation
from apps.generations.models.calls import GenerationOutput as GenerationOutput
from apps.generations.models.calls import GenerationState as GenerationState
from apps.generations.models.calls import ProviderPause as ProviderPause
from apps.generations.models.calls import SubmissionTurn as SubmissionTurn
from apps.generations.models.calls import Vote as Vote
from apps.generations.models.finding import SearchRow as SearchRow
from apps.generations.models.finding import SearchWindow as SearchWindow

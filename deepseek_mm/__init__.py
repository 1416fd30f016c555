"""Ask your photos: answers that cite the regions they rest on, on your own machine.

The public names, imported when they are first used (PEP 562), so that `import deepseek_mm.config` costs no torch.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if os.name == "nt":  # its workers are handed open files, which Windows does not do: docs/systems.md
    raise SystemExit("DeepSeek-MM does not run on Windows itself. It runs in WSL 2: wsl --install, then make run there")

if TYPE_CHECKING:
    from deepseek_mm.accounts.keys import Key as Key
    from deepseek_mm.accounts.permissions import LOCAL as LOCAL
    from deepseek_mm.accounts.permissions import RIGHTS as RIGHTS
    from deepseek_mm.accounts.permissions import Caller as Caller
    from deepseek_mm.accounts.permissions import Right as Right
    from deepseek_mm.accounts.permissions import caller_in as caller_in
    from deepseek_mm.accounts.permissions import check_allowed as check_allowed
    from deepseek_mm.accounts.permissions import check_run as check_run
    from deepseek_mm.accounts.permissions import require_local as require_local
    from deepseek_mm.accounts.permissions import require_right as require_right
    from deepseek_mm.accounts.records import AuditEntry as AuditEntry
    from deepseek_mm.accounts.records import Login as Login
    from deepseek_mm.accounts.records import User as User
    from deepseek_mm.addresses import split_addresses as split_addresses
    from deepseek_mm.answering.code.coder import ASK_LEAVE as ASK_LEAVE
    from deepseek_mm.answering.code.source_files import Listing as Listing
    from deepseek_mm.answering.code.source_files import listing_of as listing_of
    from deepseek_mm.answering.code.suggestions import questions_to_try as questions_to_try
    from deepseek_mm.answering.code_edits.records import CodeEdit as CodeEdit
    from deepseek_mm.answering.code_edits.records import EditCheck as EditCheck
    from deepseek_mm.answering.code_edits.records import EditStep as EditStep
    from deepseek_mm.answering.code_edits.wishes import asks_for_change as asks_for_change
    from deepseek_mm.answering.code_edits.wishes import strip_mark as strip_mark
    from deepseek_mm.answering.scene_programs import Checked as Checked
    from deepseek_mm.answering.scene_programs import Held as Held
    from deepseek_mm.answering.scene_programs import keep_rules as keep_rules
    from deepseek_mm.answering.scene_programs import kept_rules as kept_rules
    from deepseek_mm.answering.skills.help import HelpEntry as HelpEntry
    from deepseek_mm.answering.skills.help import read_help as read_help
    from deepseek_mm.assistant import Assistant as Assistant
    from deepseek_mm.config import Config as Config
    from deepseek_mm.config import LMConfig as LMConfig
    from deepseek_mm.config import Notice as Notice
    from deepseek_mm.config import ParseConfig as ParseConfig
    from deepseek_mm.dates import period as period
    from deepseek_mm.errors import Busy as Busy
    from deepseek_mm.errors import DeepSeekMMError as DeepSeekMMError
    from deepseek_mm.errors import StorageFull as StorageFull
    from deepseek_mm.factory import load as load
    from deepseek_mm.history import Conversation as Conversation
    from deepseek_mm.history import Corrected as Corrected
    from deepseek_mm.history import Saved as Saved
    from deepseek_mm.history import Turn as Turn
    from deepseek_mm.imports import ImportPreview as ImportPreview
    from deepseek_mm.ingest import Report as Report
    from deepseek_mm.jobs import Failed as Failed
    from deepseek_mm.jobs import Job as Job
    from deepseek_mm.jobs.fleet import ListedProcess as ListedProcess
    from deepseek_mm.language.own_sentences import translate_name as translate_name
    from deepseek_mm.language.search_filters import BadDate as BadDate
    from deepseek_mm.language.search_filters import SearchFilter as SearchFilter
    from deepseek_mm.language.search_syntax import SEARCH_HELP as SEARCH_HELP
    from deepseek_mm.language.search_syntax import quote_value as quote_value
    from deepseek_mm.language.search_syntax import search_parts as search_parts
    from deepseek_mm.language.search_syntax import search_with as search_with
    from deepseek_mm.language.search_syntax import search_without as search_without
    from deepseek_mm.learning import Learning as Learning
    from deepseek_mm.learning import Score as Score
    from deepseek_mm.learning import Version as Version
    from deepseek_mm.learning.reliability import Reliability as Reliability
    from deepseek_mm.learning.reliability import ReliabilityGroup as ReliabilityGroup
    from deepseek_mm.library import Health as Health
    from deepseek_mm.library import Library as Library
    from deepseek_mm.library import Taken as Taken
    from deepseek_mm.library import Twins as Twins
    from deepseek_mm.library.backup import backups_in as backups_in
    from deepseek_mm.library.backup import new_backup as new_backup
    from deepseek_mm.library.backup import size_of as size_of
    from deepseek_mm.library.dropped_files import keep_dropped as keep_dropped
    from deepseek_mm.library.photo_facts import PhotoFacts as PhotoFacts
    from deepseek_mm.library.web_fetcher import is_link as is_link
    from deepseek_mm.lm.backends.served_model import address_of as address_of
    from deepseek_mm.lm.backends.served_model import models_at as models_at
    from deepseek_mm.lm.expert_trace import ExpertTrace as ExpertTrace
    from deepseek_mm.lm.expert_trace import LayerReach as LayerReach
    from deepseek_mm.lm.expert_trace import TokenExperts as TokenExperts
    from deepseek_mm.lm.generator import list_model_servers as list_model_servers
    from deepseek_mm.logic.rules import Rule as Rule
    from deepseek_mm.logic.rules import read_rules as read_rules
    from deepseek_mm.logic.rules import rules_of as rules_of
    from deepseek_mm.models.catalogue import PublishedFigure as PublishedFigure
    from deepseek_mm.models.downloads import Download as Download
    from deepseek_mm.models.local_servers import OfferedModel as OfferedModel
    from deepseek_mm.models.server_trials import ServerState as ServerState
    from deepseek_mm.models.server_trials import TrialResult as TrialResult
    from deepseek_mm.models.states import CardState as CardState
    from deepseek_mm.parse.document import open_original as open_original
    from deepseek_mm.parse.document import read_photo as read_photo
    from deepseek_mm.parse.image_metadata import Exposure as Exposure
    from deepseek_mm.retrieval.heat import Heat as Heat
    from deepseek_mm.retrieval.heat import cut as cut
    from deepseek_mm.retrieval.heat import heat_map as heat_map
    from deepseek_mm.retrieval.ranking import hit_spans as hit_spans
    from deepseek_mm.sandbox.records import Protection as Protection
    from deepseek_mm.sandbox.records import Ran as Ran
    from deepseek_mm.sandbox.run import Sandbox as Sandbox
    from deepseek_mm.sandbox.run import open_sandbox as open_sandbox
    from deepseek_mm.services import Services as Services
    from deepseek_mm.services import build_services as build_services
    from deepseek_mm.services.account_service import OwnAccount as OwnAccount
    from deepseek_mm.services.account_service import RemovedAccount as RemovedAccount
    from deepseek_mm.services.collection_service import OwnedCollection as OwnedCollection
    from deepseek_mm.services.collection_service import describe_collections as describe_collections
    from deepseek_mm.services.conversation_replay import ModelDifference as ModelDifference
    from deepseek_mm.services.conversation_replay import ReplayedTurn as ReplayedTurn
    from deepseek_mm.services.inspection_picture import DrawingTexts as DrawingTexts
    from deepseek_mm.services.inspection_picture import draw_inspection as draw_inspection
    from deepseek_mm.services.inspection_service import InspectedLook as InspectedLook
    from deepseek_mm.services.inspection_service import InspectedText as InspectedText
    from deepseek_mm.services.inspection_service import Inspection as Inspection
    from deepseek_mm.services.model_exchange import ExchangeState as ExchangeState
    from deepseek_mm.services.model_trial import TrialAnswer as TrialAnswer
    from deepseek_mm.services.model_trial import TrialRow as TrialRow
    from deepseek_mm.services.model_trial import TrialState as TrialState
    from deepseek_mm.services.people_service import PeopleState as PeopleState
    from deepseek_mm.services.replay_service import BundleFacts as BundleFacts
    from deepseek_mm.services.replay_service import ReplayState as ReplayState
    from deepseek_mm.services.streaming import VIDEO_TYPES as VIDEO_TYPES
    from deepseek_mm.services.streaming import stream_file as stream_file
    from deepseek_mm.settings_file import SettingsFile as SettingsFile
    from deepseek_mm.settings_file import value_of as value_of
    from deepseek_mm.sharing import Exported as Exported
    from deepseek_mm.sharing import Sharing as Sharing
    from deepseek_mm.sharing import here_in as here_in
    from deepseek_mm.sharing.answer_differences import AnswerDifference as AnswerDifference
    from deepseek_mm.sharing.answer_differences import WordChange as WordChange
    from deepseek_mm.sharing.answer_differences import compare_answers as compare_answers
    from deepseek_mm.sharing.answer_differences import compare_texts as compare_texts
    from deepseek_mm.sharing.answer_differences import name_citation as name_citation
    from deepseek_mm.sharing.replay_bundle import MissingFile as MissingFile
    from deepseek_mm.sharing.zip_export import Packed as Packed
    from deepseek_mm.sharing.zip_export import pack_chosen as pack_chosen
    from deepseek_mm.stage_clock import AnswerStage as AnswerStage
    from deepseek_mm.stage_clock import AnswerTimeline as AnswerTimeline
    from deepseek_mm.stage_clock import StageName as StageName
    from deepseek_mm.types import About as About
    from deepseek_mm.types import Act as Act
    from deepseek_mm.types import ActKind as ActKind
    from deepseek_mm.types import ActScope as ActScope
    from deepseek_mm.types import Answer as Answer
    from deepseek_mm.types import Check as Check
    from deepseek_mm.types import Citation as Citation
    from deepseek_mm.types import Found as Found
    from deepseek_mm.types import Match as Match
    from deepseek_mm.types import Offer as Offer
    from deepseek_mm.types import PhotoDescription as PhotoDescription
    from deepseek_mm.types import Picture as Picture
    from deepseek_mm.types import Query as Query
    from deepseek_mm.types import Question as Question
    from deepseek_mm.types import Request as Request
    from deepseek_mm.types import Said as Said
    from deepseek_mm.types import Trace as Trace
    from deepseek_mm.types import Verdict as Verdict
    from deepseek_mm.types import Worked as Worked
    from deepseek_mm.vision.small_nets import AttentionMap as AttentionMap

_NAMES = {  # of each module of ours
    "accounts.keys": "Key",
    "accounts.permissions": "Caller LOCAL RIGHTS Right caller_in check_allowed check_run require_local require_right",
    "accounts.records": "AuditEntry Login User",
    "addresses": "split_addresses",
    "answering.scene_programs": "Checked Held keep_rules kept_rules",
    "answering.code.coder": "ASK_LEAVE",
    "answering.code.source_files": "Listing listing_of",
    "answering.code.suggestions": "questions_to_try",
    "answering.code_edits.records": "CodeEdit EditCheck EditStep",
    "answering.code_edits.wishes": "asks_for_change strip_mark",
    "answering.skills.help": "HelpEntry read_help",
    "assistant": "Assistant",
    "config": "Config LMConfig Notice ParseConfig",
    "dates": "period",
    "errors": "Busy DeepSeekMMError StorageFull",
    "factory": "load",
    "history": "Conversation Corrected Saved Turn",
    "ingest": "Report",
    "jobs": "Failed Job",
    "jobs.fleet": "ListedProcess",
    "language.own_sentences": "translate_name",
    "language.search_filters": "BadDate SearchFilter",
    "language.search_syntax": "SEARCH_HELP quote_value search_parts search_with search_without",
    "learning": "Learning Score Version",
    "learning.reliability": "Reliability ReliabilityGroup",
    "imports": "ImportPreview",
    "library": "Health Library Taken Twins",
    "library.backup": "backups_in new_backup size_of",
    "library.dropped_files": "keep_dropped",
    "library.photo_facts": "PhotoFacts",
    "library.web_fetcher": "is_link",
    "lm.backends.served_model": "address_of models_at",
    "lm.expert_trace": "ExpertTrace LayerReach TokenExperts",
    "lm.generator": "list_model_servers",
    "logic.rules": "Rule read_rules rules_of",
    "models.catalogue": "PublishedFigure",
    "models.downloads": "Download",
    "models.states": "CardState",
    "models.local_servers": "OfferedModel",
    "models.server_trials": "ServerState TrialResult",
    "parse.document": "open_original read_photo",
    "parse.image_metadata": "Exposure",
    "retrieval.heat": "Heat cut heat_map",
    "retrieval.ranking": "hit_spans",
    "sandbox.records": "Protection Ran",
    "sandbox.run": "Sandbox open_sandbox",
    "services": "Services build_services",
    "services.account_service": "OwnAccount RemovedAccount",
    "services.collection_service": "OwnedCollection describe_collections",
    "services.conversation_replay": "ModelDifference ReplayedTurn",
    "services.inspection_picture": "DrawingTexts draw_inspection",
    "services.inspection_service": "InspectedLook InspectedText Inspection",
    "services.model_exchange": "ExchangeState",
    "services.model_trial": "TrialAnswer TrialRow TrialState",
    "services.people_service": "PeopleState",
    "services.replay_service": "BundleFacts ReplayState",
    "services.streaming": "VIDEO_TYPES stream_file",
    "settings_file": "SettingsFile value_of",
    "sharing": "Exported Sharing here_in",
    "sharing.answer_differences": "AnswerDifference WordChange compare_answers compare_texts name_citation",
    "sharing.replay_bundle": "MissingFile",
    "sharing.zip_export": "Packed pack_chosen",
    "stage_clock": "AnswerStage AnswerTimeline StageName",
    "vision.small_nets": "AttentionMap",
    "types": "About Act ActKind ActScope Answer Check Citation Found Match Offer PhotoDescription Picture Query "
    "Question Request Said Trace Verdict Worked",
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names.split()}
__all__ = list(_HOMES)
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)

from har.api.bundles import Bundle as Bundle
from har.api.classifier import ActivityClassifier as ActivityClassifier
from har.api.collection import from_frame as from_frame
from har.api.collection import load_dataset as load_dataset
from har.api.collection import read as read
from har.api.cutting import windows as windows
from har.api.examination import check as check
from har.api.runs import run as run
from har.recording import Recording as Recording

__version__: str
CHANGES_NO_RESULT: bool

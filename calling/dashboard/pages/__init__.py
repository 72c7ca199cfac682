"""The pages, one file per subject. A page reads rows and asks the door; it decides nothing."""

"""The one file of Argos that runs inside the project under validation, alone in its folder."""

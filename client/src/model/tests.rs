//! What the model does, in virtual time, as stories.

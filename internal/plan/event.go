package plan

import "github.com/org/multiarch-action/internal/metadata"

// Event is what happened in Git that this run is for. Each CI host fills it in.
type Event = metadata.Event

// Repository is where the source is.
type Repository = metadata.Repository

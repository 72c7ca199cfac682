"""Web Push: a subscriber's browsers ring although no page of ours is open in them. Started by the sweep."""

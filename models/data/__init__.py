"""From recordings on disk to samples: readers, features, class lists. No torch here."""

"""The dashboard's window: gives panels a place, tells them what arrived, and holds what menus and keys do."""

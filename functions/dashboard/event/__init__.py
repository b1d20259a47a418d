"""The sections of an event page, each within its byte budget."""

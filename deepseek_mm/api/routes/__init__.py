"""The routes of the API, one module for each tab of the page or kind of request."""

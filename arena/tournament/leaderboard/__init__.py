"""The leaderboard that people see: the page with its replays, and the table in the terminal."""

"""What a person sees of the leaderboard: each page is made of a link's query and of what the service knows.

A page is a piece of HTML in which everything is escaped. Nothing here knows of gradio; `feab.leaderboard.app` brings
the pieces to a browser.
"""

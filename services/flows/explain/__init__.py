"""A flow for people: as text, as a Mermaid diagram, as an SVG picture.

outline.py    flow → what there is to say, without a form
text.py mermaid.py svg.py    the forms
"""

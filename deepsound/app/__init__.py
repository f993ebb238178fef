"""Web page (Gradio): a video in, its finished sound and the reasoning out."""

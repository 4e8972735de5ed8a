"""An estimate of the share at which a host nets most, from how clippers' sales moved when their shares did. Pure.

panel.py        clippers by weeks: what each sold, and which share it had then
estimating.py   the elasticity of sales to the share, beside clippers' and weeks' own effects, and its uncertainty
grounds.py      on what grounds nothing is advised
advising.py     the host's net over the shares it may offer, and what is advised

Numbers here are floats: they are estimates, and nothing is posted by them.
"""

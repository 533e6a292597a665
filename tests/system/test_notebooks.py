# SPDX-License-Identifier: Apache-2.0
"""The same notebooks run by `exec-notebook` and by nbclient: every cell has the same outputs afterwards."""
import json
import re
import subprocess

import nbformat
import pytest

import nbclient_reference
from broker import BINARY

RAISES = {"tags": ["raises-exception"]}
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><circle r="4"/></svg>'

TEXT = [
    "import sys\nprint('one')\nprint('two', end='')",
    "print('out'); sys.stdout.flush(); print('err', file=sys.stderr); sys.stderr.flush(); print('out again')",
    "for i in range(5):\n    print(i, flush=True)\n6 * 7",
    "'text', {'a': [1, 2]}, None",
    "print('50 %\\r100 %\\n\\x1b[31mred\\x1b[0m')",
    "print('grüße, 你好, 🎈, a\\u2028b, \\x85')",
    "x = 5;",
    "None",
    "   \n",
    "!echo from a shell",
    "import subprocess; subprocess.run(['echo', 'from a child']); display(1, 'two'); print('last')",
    "object()",
    "import pandas\npandas.DataFrame({'a': [1, 2], 'b': ['x', None]})",
    "%%capture kept\nprint('not seen')",
    "kept.show()",
    "print?",
    "_, __, In[3], Out",
]
ERRORS = [
    ("def f(n):\n    return 1 / n\nf(0)", RAISES),
    ("print('before')\ndef half(:", RAISES),
    ("print('before', flush=True); raise ValueError('two\\nlines é')", RAISES),
    ("try:\n    f(0)\nexcept ZeroDivisionError as e:\n    raise RuntimeError('again') from e", RAISES),
    ("raise ExceptionGroup('both', [ValueError('a'), KeyError('b')])", RAISES),
    ("import sys; sys.exit(3)", RAISES),
    ("class Bad:\n    def __repr__(self): raise ValueError('bad repr')\nBad()", RAISES),
    ("class Half:\n    def _repr_html_(self): raise ValueError('bad html')\n"
     "    def __repr__(self): return 'half'\nHalf()", RAISES),
    ("import warnings; warnings.warn('careful')", {}),
    ("%%bash\necho out; echo err >&2; exit 4", RAISES),
    ("no_such_name", {}),
    ("print('never run')", {}),
]
FIGURES = [
    "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2]);",
    "print('before'); plt.figure(figsize=(2, 1)); plt.bar(['a', 'b'], [1, 2]); print('after')",
    "figure, axes = plt.subplots(1, 2)\naxes[0].imshow([[1, 2], [3, 4]])\nfigure",
    "plt.plot([1]); plt.show(); plt.plot([2]); plt.show(); 'end'",
    "%config InlineBackend.figure_formats = ['svg', 'png']\nplt.rcParams['svg.hashsalt'] = 'same'\n"
    "plt.rcParams['savefig.bbox'] = None; 1",
    "from IPython.display import SVG, HTML, Latex, Markdown, JSON, Javascript, Image\n"
    f"SVG('''{SVG}''')",
    "import base64; dot = base64.b64decode('R0lGODlhAQABAAAAACwAAAAAAQABAAACAUwAOw==')\n"
    "display(Image(dot, format='gif', width=5), metadata={'mine': [1, {'a': None}]})",
    "display(HTML('<b>bold</b>\\n<i>two</i>'), Latex('$x$'), Markdown('# one\\ntwo'), JSON({'a': [1, None]}), "
    "Javascript('1;\\n2;'))",
    "display({'application/vnd.vega.v5+json': {'deep': {'er': [1.5, True]}}, 'text/plain': 'a\\nb\\n', "
    "'image/png': 'aGk=\\n'}, metadata={'image/png': {'width': 3}}, raw=True)",
    "display({'text/plain': ''}, raw=True); display({}, raw=True)",
]
UPDATES = [
    "one = display('first', display_id=True)\nprint('between')\none.update('second')",
    "two = display('left', display_id='mine'); display('right', display_id='mine')",
    "from IPython.display import clear_output, update_display\n"
    "update_display('unknown', display_id='of nobody'); print('x')",
    "one.update('from another cell'); print('updated')",
    "display('a new one of the old name', display_id='mine')",
    "two.update({'text/plain': 'all', 'text/html': '<p>'}, raw=True, metadata={'k': 1}); 5",
    "for i in range(4):\n    print('step', i); clear_output(wait=True)\nprint('done')",
    "print('gone'); display('gone too'); clear_output(); print('kept')",
    "print('stays, since nothing follows'); clear_output(wait=True)",
    "print('a cell of its own')",
    "three = display('cleared', display_id='three'); clear_output(); three.update('nobody sees this')",
    "three.update('nor this')",
    "import sys\nprint('e', file=sys.stderr); clear_output(wait=True); 7",
    "clear_output(wait=True); display('last', display_id='three')",
]
# What ipywidgets sends without ipywidgets, which is not in the image: a channel, and a view with words beside it.
WIDGETS = [
    "from comm import create_comm\n"
    "state = {'_model_name': 'IntSliderModel', '_model_module': '@jupyter-widgets/controls', 'value': 3}\n"
    "slider = create_comm(target_name='jupyter.widget', comm_id='0123abcd',\n"
    "                     data={'state': state, 'buffer_paths': []}, metadata={'version': '2.1.0'})",
    "view = {'model_id': '0123abcd', 'version_major': 2, 'version_minor': 0}\n"
    "display({'application/vnd.jupyter.widget-view+json': view, 'text/plain': 'IntSlider(value=3)'}, raw=True)",
    "slider.send({'method': 'update', 'state': {'value': 4}, 'buffer_paths': []}); print('moved')",
    "slider.send({'method': 'custom', 'content': {}}, buffers=[b'\\x00\\xff']); slider.close(); 'closed'",
    "class Widget:\n    def _repr_mimebundle_(self, **_):\n"
    "        return {'application/vnd.jupyter.widget-view+json': view, 'text/plain': 'Widget()'}, {'a': 1}\nWidget()",
]


def made_of(cells):
    pairs = [(cell, {}) if isinstance(cell, str) else cell for cell in cells]
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [
        {"cell_type": "code", "id": f"c{number}", "metadata": metadata, "execution_count": None, "outputs": [],
         "source": source} for number, (source, metadata) in enumerate(pairs)]}


def told(cell):
    """What a reader sees of a cell: addresses and process ids aside, pieces of one stream as the one text they are."""
    outputs = []
    text = re.sub(r"0x[0-9a-f]{6,}", "0xADDRESS", json.dumps(cell.outputs))
    for output in json.loads(re.sub(r"/tmp/ipykernel_\d+/", "/tmp/ipykernel_PID/", text)):
        last = outputs[-1] if outputs else {}
        if output["output_type"] == "stream" == last.get("output_type") and output["name"] == last["name"]:
            last["text"] += output["text"]
        else:
            outputs.append(output)
    return {"source": cell.source, "execution_count": cell.execution_count, "outputs": outputs}


@pytest.mark.parametrize("cells, ends_at", [
    (TEXT, None), (ERRORS, 10), (FIGURES, None), (UPDATES, None), (WIDGETS, None),
], ids=["text", "errors", "figures", "updates", "widgets"])
def test_a_notebook_has_the_outputs_that_nbclient_gives_it(shared, tmp_path, cells, ends_at):
    notebook = made_of(cells)
    (tmp_path / "in.ipynb").write_text(json.dumps(notebook))
    ran = subprocess.run([str(BINARY), "exec-notebook", "in.ipynb", "out.ipynb", "--url",
                          f"http://127.0.0.1:{shared.port}"], capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert ran.returncode == (0 if ends_at is None else 1), ran
    ours = nbformat.reads((tmp_path / "out.ipynb").read_text(), as_version=4)
    nbformat.validate(ours)
    reference, raised = nbclient_reference.execute(notebook)
    assert raised == (ends_at is not None)
    differ = {number: pair for number, pair in enumerate(zip(map(told, ours.cells), map(told, reference.cells)))
              if pair[0] != pair[1]}
    assert not differ, "\n".join(f"cell {number}:\n  ours   {json.dumps(a)[:1500]}\n  theirs {json.dumps(b)[:1500]}"
                                 for number, (a, b) in differ.items())
    if ends_at is not None:
        assert [bool(cell.outputs) for cell in ours.cells[ends_at:]] == [True, False]

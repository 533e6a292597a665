# SPDX-License-Identifier: Apache-2.0
"""What `plt.show()` does where nobody looks: each open figure becomes plot_N.png in the working directory.

A backend of matplotlib (MPLBACKEND=module://kernel_image_plots) for scripts. Never writes over a file.
"""
import os

from matplotlib import _pylab_helpers
from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg

_shown = 0


def _new_file():
    global _shown
    while True:
        _shown += 1
        try:
            return open(f"plot_{_shown}.png", "xb")
        except FileExistsError:
            continue


class FigureManager(FigureManagerBase):
    @classmethod
    def pyplot_show(cls, *, block=None):
        managers = _pylab_helpers.Gcf.get_all_fig_managers()
        for manager in managers:
            with _new_file() as file:
                manager.canvas.figure.savefig(file, format="png")
        # A window that was shown is closed: what is drawn next is another figure.
        _pylab_helpers.Gcf.destroy_all()


class FigureCanvas(FigureCanvasAgg):
    manager_class = FigureManager

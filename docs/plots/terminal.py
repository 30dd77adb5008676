#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Run commands in a terminal of 110 columns and draw what it shows, as SVG:

    docs/plots/terminal.py docs/plots/capture.svg COMMAND ...

A line that is refreshed, such as the capture's live line, is drawn as it was last. docs/plots/capture.svg shows, with
testpmd sending into the socket (docs/operations.md, "Trying it without a NIC"):

    braidcap plan -i dpdk:net_vhost0,iface=s.sock,queues=2,full=wait -G 60 -w capture/
    braidcap capture -i dpdk:net_vhost0,iface=s.sock,queues=2,full=wait -G 60 -w capture/ -d 8
"""
import fcntl
import os
import pty
import struct
import sys
import termios
from html import escape

COLUMNS, WIDTH, HEIGHT, MARGIN = 110, 7.8, 17, 12


def screen(command):
    """The lines that the command leaves on the terminal, and the last state of refreshed ones."""
    pid, fd = pty.fork()
    if not pid:
        os.execvp("sh", ["sh", "-c", f"stty cols {COLUMNS}; {command}"])
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    out = b""
    try:
        while more := os.read(fd, 65536):
            out += more
    except OSError:  # the terminal's end
        os.waitpid(pid, 0)
    lines = []
    for line in out.decode().removesuffix("\r\n").split("\r\n"):
        states = [s for s in line.replace("\x1b[K", "").split("\r") if s] or [""]
        lines += states[-2:]
    return lines


def main(path, *commands):
    lines = []
    for command in commands:
        lines += [(f"$ {command}", "#8ae234"), *((line, "#e6e6e6") for line in screen(command)), ("", "")]
    width, height = COLUMNS * WIDTH + 2 * MARGIN, len(lines) * HEIGHT + 2 * MARGIN
    with open(path, "w") as svg:
        svg.write(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height}" font-size="13" '
                  f'font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" xml:space="preserve">\n'
                  f'<rect width="100%" height="100%" rx="6" fill="#1e1e24"/>\n')
        for i, (line, colour) in enumerate(lines):
            if line:
                svg.write(f'<text x="{MARGIN}" y="{MARGIN + (i + 0.8) * HEIGHT:g}" fill="{colour}" '
                          f'textLength="{len(line) * WIDTH:g}" lengthAdjust="spacingAndGlyphs">{escape(line)}</text>\n')
        svg.write("</svg>\n")


main(*sys.argv[1:])

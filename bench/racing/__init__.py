"""The race: its batches, contestants, machine, pieces and table.

SPDX-License-Identifier: MIT
"""

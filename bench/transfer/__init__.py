# SPDX-License-Identifier: Apache-2.0
"""What bench/transfer.py is made of; measure.py is to be read first."""

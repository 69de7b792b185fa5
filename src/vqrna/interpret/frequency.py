"""Codes as the words of modifications: term frequency, inverse document frequency, z-scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def term_frequency(codes: np.ndarray, rows: Sequence[np.ndarray], codebook_size: int) -> np.ndarray:
    """Count each code a window, by type.

    Parameters
    ----------
    codes : np.ndarray, shape (N, T), int
    rows : sequence of np.ndarray, length M
        Indices of the windows of each type; a window may stand twice.
    codebook_size : int
        K.

    Returns
    -------
    np.ndarray, shape (K, M), float64
        Mean number of times a code stands in a window; nan for a type without windows.
    """
    frequency = np.full((codebook_size, len(rows)), np.nan)
    for m, chosen in enumerate(rows):
        if len(chosen):
            counts = np.bincount(codes[chosen].ravel(), minlength=codebook_size)
            frequency[:, m] = counts / len(chosen)
    return frequency


def inverse_document_frequency(frequency: np.ndarray) -> np.ndarray:
    """Weigh codes by how few types they occur in: ``ln(1 + T / df)``.

    T is the number of types, df the number of those in which the code occurs.

    Parameters
    ----------
    frequency : np.ndarray, shape (K, M)

    Returns
    -------
    np.ndarray, shape (K,), float64
        0 for a code that occurs nowhere.
    """
    there = (frequency > 0).sum(axis=1)
    found = np.zeros(len(frequency))
    used = there > 0
    found[used] = np.log1p(frequency.shape[1] / there[used])
    return found


def tf_idf(frequency: np.ndarray) -> np.ndarray:
    """Term frequency times inverse document frequency, shape (K, M)."""
    return frequency * inverse_document_frequency(frequency)[:, None]


def z_over_types(values: np.ndarray) -> np.ndarray:
    """Standardise each code over the types, with the population's standard deviation.

    A factor that is the same for all types of a code, such as its IDF, cancels here. A code with
    the same value in all types gets zeros.

    Parameters
    ----------
    values : np.ndarray, shape (K, M)

    Returns
    -------
    np.ndarray, shape (K, M)
    """
    spread = values.std(axis=1, keepdims=True)
    apart = values - values.mean(axis=1, keepdims=True)
    # A spread of rounding errors is none
    flat = spread <= 1e-12 * np.abs(values).max(axis=1, keepdims=True, initial=0)
    return np.where(flat, 0.0, apart / np.where(flat, 1.0, spread))


def by_type(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Put codes into groups by the type of their largest value, and in falling order of that.

    Parameters
    ----------
    values : np.ndarray, shape (K, M)

    Returns
    -------
    order : np.ndarray, shape (K,), int
        Codes, group by group; equal values in the order of the codes.
    group : np.ndarray, shape (K,), int
        Type of each code, in the order of `values`.
    """
    group = values.argmax(axis=1)
    best = values.max(axis=1)
    return np.lexsort((np.arange(len(values)), -best, group)), group

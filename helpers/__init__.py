"""What the chapters of *Word Embeddings in Keras* share: data loading, plotting, evidence."""

import os
import warnings

# Keras reads its backend, and TensorFlow its log level, when they are first imported;
# every chapter imports this package before them. Level 1 leaves out only TensorFlow's
# informational start-up lines: warnings and errors are still shown.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
# The matrices of a chapter are small, and the threads of NumPy's BLAS would mostly wait for each
# other: chapter 7's regressions take a tenth of the time with one. TensorFlow has its own threads.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# OpenMP's threads (t-SNE, k-means, neighbors) wait asleep for each other, not spinning: beside one
# busy process, t-SNE took three times as long and more.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# Progress bars are lines of text here. tqdm would warn, when KerasHub is imported, that it finds no
# widgets for them.
warnings.filterwarnings("ignore", "IProgress not found")

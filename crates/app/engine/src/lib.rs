//! Compiles orders into steps, journals, runs, resumes, undoes.

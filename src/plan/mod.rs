//! Names resolved, windows widened, before anything is fetched.

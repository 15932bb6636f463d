"""Workers: Dask processes that train, on this machine or on others."""

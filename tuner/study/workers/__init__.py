"""Workers: processes of Dask that train, on this machine or on others."""

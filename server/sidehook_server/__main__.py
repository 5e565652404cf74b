"""`python -m sidehook_server`: the `sidehook` command."""

from sidehook_server.cli import main

if __name__ == "__main__":
    main()

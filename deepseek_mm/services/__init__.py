"""What acts on a library for somebody: each method takes the caller first, and checks what the caller may do."""

from deepseek_mm.services.services import Services, build_services

__all__ = ["Services", "build_services"]

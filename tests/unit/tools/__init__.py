"""Tests of services/tools."""

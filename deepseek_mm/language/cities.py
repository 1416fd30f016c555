"""The city that a place on earth lies in or near, by an offline table.

`cities.txt` has every city of more than 20,000 people; it comes from GeoNames.
"""

import math
from functools import cache
from pathlib import Path
from typing import NamedTuple

FILE = Path(__file__).with_name("cities.txt")
FARTHEST_KM = 30.0  # from the middle of a city
KM = 111.2  # of a degree of latitude


class City(NamedTuple):
    """A city, and where its middle is."""

    name: str
    country: str
    latitude: float  # degrees
    longitude: float


@cache
def read_cities() -> dict[tuple[int, int], tuple[City, ...]]:
    """Whole degrees of latitude and longitude, rounded down -> the cities there, the largest of a country first."""
    found: dict[tuple[int, int], list[City]] = {}
    country = ""
    for line in FILE.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        if "\t" not in line:
            country = line.rstrip(":")
            continue
        name, latitude, longitude = line.split("\t")
        city = City(name, country, int(latitude) / 100, int(longitude) / 100)
        found.setdefault(square_of(city.latitude, city.longitude), []).append(city)
    return {square: tuple(cities) for square, cities in found.items()}


def square_of(latitude: float, longitude: float) -> tuple[int, int]:
    """The whole degrees below."""
    return math.floor(latitude), math.floor(longitude)


def city_near(latitude: float, longitude: float) -> City | None:
    """The nearest city within FARTHEST_KM; degrees, north and east positive."""
    south, west = square_of(latitude, longitude)
    around = ((south + up, (west + across + 180) % 360 - 180) for up in (-1, 0, 1) for across in (-1, 0, 1))
    cities = [city for square in around for city in read_cities().get(square, ())]
    nearest = min(cities, key=lambda city: distance_km(city, latitude, longitude), default=None)
    return nearest if nearest and distance_km(nearest, latitude, longitude) <= FARTHEST_KM else None


def distance_km(city: City, latitude: float, longitude: float) -> float:
    """How far a place is from the city's middle; good for short ways."""
    across = (city.longitude - longitude + 180) % 360 - 180
    return KM * math.hypot(city.latitude - latitude, across * math.cos(math.radians(latitude)))

"""Names of people and companies as forms and CRMs of Portugal, Brazil and their neighbours have them."""

from __future__ import annotations

import pytest

from services.tools.catalog.name_split import name_split
from tests.support.tools import use

# name → title, first, middle, last, suffix
PEOPLE = {
    "Dona Maria Silva": ("Dona", "Maria", "", "Silva", ""),
    "D. Maria Silva": ("D.", "Maria", "", "Silva", ""),
    "Sra. D. Ana Sousa": ("Sra. D.", "Ana", "", "Sousa", ""),
    "Dr João Silva": ("Dr", "João", "", "Silva", ""),
    "Prof. Doutor António Costa": ("Prof. Doutor", "António", "", "Costa", ""),
    "Prof.ª Doutora Ana Reis": ("Prof.ª Doutora", "Ana", "", "Reis", ""),
    "Eng. Rui Costa": ("Eng.", "Rui", "", "Costa", ""),
    "Eng.º Rui Costa": ("Eng.º", "Rui", "", "Costa", ""),
    "Exmo. Sr. João Silva": ("Exmo. Sr.", "João", "", "Silva", ""),
    "Comendador Rui Nabeiro": ("Comendador", "Rui", "", "Nabeiro", ""),
    "Dra. Ana": ("Dra.", "Ana", "", "", ""),
    "Senhor João": ("Senhor", "João", "", "", ""),
    "Mr. Smith": ("Mr.", "", "", "Smith", ""),
    "Herr Müller": ("Herr", "", "", "Müller", ""),
    "Frau Dr. Anna Schmidt": ("Frau Dr.", "Anna", "", "Schmidt", ""),
    "M. Jean Dupont": ("M.", "Jean", "", "Dupont", ""),
    "João Silva Filho": ("", "João", "", "Silva Filho", ""),
    "João Silva Neto": ("", "João", "", "Silva Neto", ""),
    "João Silva Júnior": ("", "João", "", "Silva", "Júnior"),
    "João da Silva Sobrinho": ("", "João", "", "da Silva Sobrinho", ""),
    "João Paulo Silva Neto": ("", "João", "Paulo", "Silva Neto", ""),
    "Pedro Neto": ("", "Pedro", "", "Neto", ""),
    "Neto": ("", "Neto", "", "", ""),
    "Maria do Carmo": ("", "Maria do Carmo", "", "", ""),
    "MARIA DO CARMO SILVA": ("", "MARIA DO CARMO", "", "SILVA", ""),
    "Maria da Conceicao Sousa Reis": ("", "Maria da Conceicao", "Sousa", "Reis", ""),
    "Exma. Senhora Dona Maria da Luz": ("Exma. Senhora Dona", "Maria da Luz", "", "", ""),
    "María del Carmen López": ("", "María del Carmen", "", "López", ""),
    "Maria da Silva": ("", "Maria", "", "da Silva", ""),
    "Sousa, Ana": ("", "Ana", "", "Sousa", ""),
    "Santos, Maria do Carmo": ("", "Maria do Carmo", "", "Santos", ""),
    "Ana Sousa (mãe do Rui)": ("", "Ana", "", "Sousa", ""),
    "Joa\u0303o\u200b Sá": ("", "João", "", "Sá", ""),
    "João Sa": ("", "João", "", "Sa", ""),
    "ana@x.pt": ("", "", "", "", ""),
    "912 345 678": ("", "", "", "", ""),
    "": ("", "", "", "", ""),
}
COMPANIES = [
    "Padaria Silva, Lda.",
    "Silva & Filhos, Lda",
    "Transportes Silva Unipessoal Lda",
    "Closum S.A.",
    "EDP Renováveis SA",
    "Auto Peças S/A",
    "Comércio de Roupas Ltda",
    "ACME Ltd",
    "Google LLC",
    "Microsoft GmbH",
    "Boulangerie Dupont SARL",
    "Rossi S.r.l.",
    "Associação de Pais",
]


@pytest.mark.parametrize(("name", "parts"), PEOPLE.items())
def test_a_name_has_its_parts(name: str, parts: tuple[str, ...]) -> None:
    """Titles of courtesy and study, generations, devotional first names, and what is no name at all."""
    found = use(name_split, name=name)
    assert tuple(found[part] for part in ("title", "first", "middle", "last", "suffix")) == parts
    assert not found["company"]


@pytest.mark.parametrize("name", COMPANIES)
def test_a_company_is_no_person(name: str) -> None:
    """It has no first name to greet."""
    found = use(name_split, name=name)
    assert (found["company"], found["first"], found["last"], found["title"]) == (True, "", name, "")


@pytest.mark.parametrize(("name", "initials"), [("maria da silva", "MS"), ("MARIA DA SILVA", "MS"), ("Ana", "A")])
def test_particles_are_no_initials(name: str, initials: str) -> None:
    """However they are written."""
    assert use(name_split, name=name)["initials"] == initials
